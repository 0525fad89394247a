#!/bin/bash
# Keeps thirty sessions, and asks for each of them again and again.
trap 'exit 0' TERM
ask() { redis-cli -e -h "$BROKER_HOST" -p "$BROKER_PORT" "$@"; }
note=$(head -c 2000 /dev/zero | tr '\0' n)
for number in {1..30}; do
    said=$(ask SET "session:$number" "$note" EX 86400 2>&1) || { echo "$said"; exit 1; }
done
echo "30 sessions are open"
while :; do
    there=$(ask EXISTS session:{1..30} 2>&1) || { echo "$there"; exit 1; }
    if [ "$there" != 30 ]; then echo "only $there of 30 sessions are left"; fi
    touch /tmp/alive
    sleep 2 & wait $!
done
