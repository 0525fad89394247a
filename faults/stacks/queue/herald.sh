#!/bin/bash
# Hears the news and counts them.
trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM
while :; do
    redis-cli -h "$BUS_HOST" SUBSCRIBE news >>/tmp/news 2>/dev/null & wait $!
    sleep 1 & wait $!
done
