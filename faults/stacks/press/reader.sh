#!/bin/bash
# Hands a sheet in, waits for the printed one, and tells in logfmt when that begins or ceases to work.
before=
while :; do
    number=$(printf 'sheet of %s\n' "$(date +%T)" | curl -sS --max-time 4 -T - -H 'Transfer-Encoding:' -H 'Content-Length: 18' "http://$DESK/" 2>&1)
    now="msg=\"sheet not taken\" said=\"${number//$'\n'/ }\""
    if [[ $number =~ ^[0-9]{6}$ ]]; then
        now='msg="sheet not printed"'
        for _ in 1 2 3 4 5 6; do
            sleep "$PAUSE"
            curl -fs --max-time 3 -o /dev/null "http://$SHELF/$number.html" && now='msg="sheet printed"' && break
        done
    fi
    [ "$now" = "$before" ] || echo "level=info $now"
    before=$now
    echo "$now" >/tmp/now
    [ -z "$ALSO_LARGE" ] || head -c 9000 /dev/zero | curl -s --max-time 4 -o /dev/null -T - -H 'Transfer-Encoding:' -H 'Content-Length: 9000' "http://$DESK/"
    sleep "$PAUSE"
done
