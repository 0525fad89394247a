#!/bin/bash
# Notes the count every two seconds; gives up when that fails.
trap 'exit 0' TERM
sleep 1 & wait $!
while :; do
    curl -fsS --max-time 5 --retry 3 --retry-delay 1 -o "$KEEP/count.new" "$SITE_URL" || exit 1
    mv "$KEEP/count.new" "$KEEP/count" || exit 1
    sleep 2 & wait $!
done
