#!/bin/sh
# Looks at the flowers, orders some, and reads the blog, every second. Says when that goes otherwise than before.
ask() { curl -s -o /dev/null --max-time 12 -w '%{http_code}' "$@"; }
before=
while :; do
    now="products $(ask "$1/api/products"), order $(ask -H 'Content-Type: application/json' -d '{"product": 1, "quantity": 2, "email": "ann@example.org"}' "$1/api/orders"), blog $(ask "$1/blog/")"
    if [ "$now" != "$before" ]; then echo "$now"; fi
    before=$now
    echo "$now" >/tmp/now
    sleep 1
done
