#!/bin/bash
trap 'exit 0' TERM
mkdir -p /tmp/pages
echo "lane $HOSTNAME" >/tmp/pages/index.html
head -c 2000000 /dev/zero >/tmp/pages/atlas
echo "listening on $LISTEN"
busybox httpd -f -p "$LISTEN" -h /tmp/pages &
wait
