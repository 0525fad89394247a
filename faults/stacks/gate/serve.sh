#!/bin/bash
trap 'exit 0' TERM
mkdir -p /tmp/pages
echo "served by $HOSTNAME" >/tmp/pages/index.html
echo "listening on $LISTEN"
busybox httpd -f -p "$LISTEN" -h /tmp/pages &
wait
