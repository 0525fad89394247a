#!/bin/sh
# Books two seats and reads the manifest four times, all at once, every second. Says when that goes otherwise than before.
book() { curl -s -o /dev/null --max-time 12 -w 'booking:%{http_code}\n' -H 'Content-Type: application/json' -d '{"sailing": 1, "seats": 2}' "$1/bookings"; }
read_manifest() { curl -s -o /dev/null --max-time 12 -w 'manifest:%{http_code}\n' "$1/sailings/1/manifest"; }
before=
while :; do
    now=$(for turn in 1 2; do
        book "$1" &
        read_manifest "$1" &
        read_manifest "$1" &
    done | sort | uniq | tr '\n' ' ')
    if [ "$now" != "$before" ]; then echo "$now"; fi
    before=$now
    echo "$now" >/tmp/now
    sleep 1
done
