#!/bin/bash
# Opens for those who have the token, which it reads once.
trap 'exit 0' TERM
token=$(cat "$TOKEN_FILE")
mkdir -p /tmp/pages
cat /etc/door/rules >/tmp/pages/index.html
if [ -n "$token" ]; then
    echo open >/tmp/pages/open
else
    echo "the token is empty: the door stays shut"
fi
echo "listening on $LISTEN"
busybox httpd -f -p "$LISTEN" -h /tmp/pages &
wait
