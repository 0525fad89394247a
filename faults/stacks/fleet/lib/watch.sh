#!/bin/sh
# Tells which servers the gate has taken out, as often as that changes.
before=
while :; do
    now=$(curl -fs --max-time 3 'http://127.0.0.1:8404/;csv' | awk -F, '$1 == "ships" && $18 ~ /^(DOWN|MAINT)/ { print $2 }' | tr '\n' ' ')
    [ "$now" = "$before" ] || echo "out of service: ${now:-none}"
    before=$now
    sleep 2
done
