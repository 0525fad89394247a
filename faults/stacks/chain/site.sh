#!/bin/bash
# Serves what the jobs made.
set -eu
trap 'exit 0' TERM
: "${TITLE:?has to be set}"
greeting=$(cat /etc/site/site.conf)
echo "$TITLE $greeting: listening on $PORT"
busybox httpd -f -p "$PORT" -h /data &
wait
