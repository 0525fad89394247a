#!/bin/bash
trap 'exit 0' TERM
mkdir -p /tmp/pages
echo "served by $HOSTNAME" >/tmp/pages/index.html
busybox httpd -f -p "$LISTEN" -h /tmp/pages &
server=$!
echo "serving at $LISTEN"
wait $server
echo "the server has ended"
exit 1
