#!/bin/bash
# Opens as many connections as it is told to and keeps them. When one cannot be opened it ends, or tries again
# where it is told to be stubborn.
trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM INT
for ((number = 1; number <= CONNECTIONS; number++)); do
    until psql "$DATABASE_URL" --no-psqlrc --quiet --command 'SELECT 1' --output /dev/null; do
        if [ "${STUBBORN:-no}" = no ]; then exit 1; fi
        sleep 0.2 & wait $!
    done
    psql "$DATABASE_URL" --no-psqlrc --quiet --command 'SELECT pg_sleep(86400)' &
    sleep 0.2 & wait $!
done
echo "connected $CONNECTIONS times"
touch /tmp/connected
wait -n
echo "a connection was lost"
exit 1
