#!/bin/bash
# Takes jobs and does them; gives up when the broker refuses.
trap 'exit 0' TERM
ask() { redis-cli -e -h "$BROKER_HOST" -p "$BROKER_PORT" "$@"; }
while :; do
    taken=$(ask XREADGROUP GROUP crew "$HOSTNAME" COUNT 50 BLOCK 1000 STREAMS jobs '>' 2>&1) || { echo "$taken"; exit 1; }
    ids=$(grep -oE '^[0-9]{10,}-[0-9]+' <<<"$taken") && {
        said=$(ask XACK jobs crew $ids 2>&1) || { echo "$said"; exit 1; }
    }
    touch /tmp/alive
done
