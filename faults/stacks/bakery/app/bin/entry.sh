#!/usr/bin/env bash
# Puts what is in DB_PASSWORD_FILE into DB_PASSWORD, then becomes the command.
set -euo pipefail
if [ -n "${DB_PASSWORD_FILE:-}" ]; then
    DB_PASSWORD=$(<"$DB_PASSWORD_FILE")
    export DB_PASSWORD
fi
exec "$@"
