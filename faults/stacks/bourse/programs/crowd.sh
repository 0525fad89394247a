#!/bin/sh
# So many traders come at a time. Says when something else comes back than before.
before=
while :; do
    now=$(for _ in $(seq "$2"); do curl -s -o /dev/null --max-time 9 -w '%{http_code}\n' "$1" & done; wait)
    now=$(echo "$now" | sort | uniq -c | tr -s ' \n' ' ')
    if [ "$now" != "$before" ]; then echo "answers:$now"; fi
    before=$now
    sleep 1
done
