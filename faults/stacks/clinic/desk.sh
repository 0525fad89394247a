#!/bin/sh
# Asks for an appointment, then for five invoices at a time; what goes wrong is somebody else's to tell.
while :; do
    curl -s --max-time 8 -o /dev/null "http://$1/appointments"
    for _ in 1 2 3 4 5; do curl -s --max-time 8 -o /dev/null "http://$2/" & done
    wait
    sleep 1
done
