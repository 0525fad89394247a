#!/bin/sh
# Orders a dish every second, and says when the till answers otherwise than before.
prima=
while :; do
    ora=$(curl -s -o /dev/null --max-time 9 -w 'ordine %{http_code}' -d '{"piatto": "gnocchi"}' "$1/ordini")
    if [ "$ora" != "$prima" ]; then echo "$ora"; fi
    prima=$ora
    echo "$ora" >/tmp/ora
    sleep 1
done
