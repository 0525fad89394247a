#!/bin/sh
# Notes a day again and again; after a failure it waits longer each time.
every=$2 address=$3 wait=1 counted=0
while :; do
    if curl -fs --max-time 6 -o /dev/null -X POST "$address"; then
        counted=$((counted + 1)) wait=$every
        [ $((counted % 20)) = 0 ] && echo "noted $counted days"
    else
        echo "not noted, next try in ${wait}s"
        [ "$wait" -lt 4 ] && wait=$((wait * 2))
    fi
    sleep "$wait"
done
