#!/bin/sh
# Looks at the admin and at a chart every two seconds. Says when that goes otherwise than before.
look() { curl -s -o /dev/null --max-time 12 -w '%{http_code}' "$1"; }
before=
while :; do
    now="admin $(look "$1/"), chart $(look "$1/charts/levels")"
    if [ "$now" != "$before" ]; then echo "$now"; fi
    before=$now
    echo "$now" >/tmp/now
    sleep 2
done
