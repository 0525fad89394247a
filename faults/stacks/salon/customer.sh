#!/bin/sh
# Comes again and again, and looks into the calendar, three times at once. Says when that goes otherwise than before.
look() { curl -s -o /dev/null --max-time 9 -w '%{http_code} ' "$1/calendar"; }
before=
while :; do
    rm -f /tmp/jar
    desk=$(curl -s -o /tmp/page --max-time 9 -w '%{http_code}' -c /tmp/jar "$1/")
    curl -s -o /tmp/page --max-time 9 -b /tmp/jar "$1/"
    if grep -q '^visit 2$' /tmp/page; then known=known; else known=forgotten; fi
    calendar=$(for turn in 1 2 3 4; do look "$1" & done | tr ' ' '\n' | sort -u | tr '\n' ' ')
    now="desk $desk, $known; calendar $calendar"
    if [ "$now" != "$before" ]; then echo "$now"; fi
    before=$now
    echo "$now" >/tmp/now
    sleep 1
done
