#!/bin/bash
# Serves one page, and asks others for theirs every five seconds. With `ask` it serves none.
trap 'exit 0' TERM
if [ "${1:-}" != ask ]; then
    mkdir -p /tmp/pages
    echo "at home" >/tmp/pages/index.html
    busybox httpd -f -p "$PORT" -h /tmp/pages &
fi
sleep 1 & wait $!
while :; do
    for address in ${ASKS:-}; do
        curl -fsS --max-time 4 -o /dev/null "$address"
    done
    sleep 5 & wait $!
done
