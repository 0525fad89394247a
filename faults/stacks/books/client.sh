#!/bin/bash
# Asks the ledger every two seconds; gives up when it does not answer.
trap 'exit 0' TERM
query='SELECT 1'
if [ -n "${QUERY_FILE:-}" ]; then
    query=$(cat "$QUERY_FILE") || exit 1
fi
while :; do
    MYSQL_PWD=$LEDGER_PASSWORD mariadb --host="$LEDGER_HOST" --port="$LEDGER_PORT" --user="$LEDGER_USER" \
        --connect-timeout=5 --database="$LEDGER_NAME" --execute="$query" >/dev/null || exit 1
    sleep 2 & wait $!
done
