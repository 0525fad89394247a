#!/bin/sh
# Walks through the wings and asks at the office, every second. Says when that goes otherwise than before.
before=
while :; do
    wings=$(curl -s -o /dev/null --max-time 9 -w '%{http_code}' "$1/pieces")
    office=$(curl -s -o /dev/null --max-time 9 -w '%{http_code}' "$1/office")
    if [ "$wings $office" != "$before" ]; then echo "wings $wings, office $office"; fi
    before="$wings $office"
    sleep 1
done
