#!/bin/sh
# Looks for the light twice a second. Says when it sees something else than before.
before=
while :; do
    now=$(curl -s -o /dev/null --max-time 8 -w '%{http_code}' "$1")
    if [ "$now" != "$before" ]; then echo "light: $now"; fi
    before=$now
    echo "$now" >/tmp/now
    sleep 0.5
done
