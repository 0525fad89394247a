#!/bin/sh
# Reads the front page every second and takes an export now and then. Says when the answer is another one than before.
before=
turn=0
while :; do
    now=$(curl -s -o /dev/null --max-time 12 -w '%{http_code}' "$1/")
    turn=$((turn + 1))
    if [ $((turn % 3)) = 0 ]; then
        now="$now $(curl -s -o /dev/null --max-time 12 -w '%{http_code}' "$1/export/")"
        if [ "$now" != "$before" ]; then echo "page and export: $now"; fi
        before=$now
    fi
    sleep 1
done
