#!/bin/bash
# Hashes the accounts, one `NAME PASSWORD` a line, before the broker starts.
set -euo pipefail
: >/tmp/accounts
chmod 0700 /tmp/accounts
while read -r name password; do
    mosquitto_passwd -b /tmp/accounts "$name" "$password"
done <"$MQTT_ACCOUNTS_FILE"
chown mosquitto /tmp/accounts
exec "$@"
