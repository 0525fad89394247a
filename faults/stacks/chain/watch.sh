#!/bin/bash
# Notes the count every two seconds; gives up when that fails.
trap 'exit 0' TERM
sleep 1 & wait $!
while :; do
    count=$(curl -fsS --max-time 5 --retry 3 --retry-delay 1 "$SITE_URL") || exit 1
    echo "$count" >"$KEEP/count" || exit 1
    sleep 2 & wait $!
done
