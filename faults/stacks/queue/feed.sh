#!/bin/bash
# Adds a job a second and spreads the news of it. The news are a courtesy: without them the jobs go on.
trap 'exit 0' TERM
ask() { redis-cli -e -h "$BROKER_HOST" -p "$BROKER_PORT" "$@"; }
load=$(head -c "$LOAD" /dev/zero | tr '\0' x)
number=0
while :; do
    number=$((number + 1))
    said=$(ask XADD jobs MAXLEN '~' 100000 '*' number "$number" load "$load" 2>&1) || { echo "$said"; exit 1; }
    redis-cli -h "$BUS_HOST" PUBLISH news "$number" >/dev/null 2>&1
    touch /tmp/alive
    sleep 1 & wait $!
done
