#!/bin/bash
# Writes a dump every five seconds, and says when it cannot.
trap 'exit 0' TERM INT
while :; do
    pg_dump --username "$PGUSER" --file /dumps/latest.sql || echo "no dump was written"
    sleep 5 & wait $!
done
