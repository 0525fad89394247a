#!/bin/bash
# The tests that people write into a healthcheck: healthcheck.sh [--su-mysql] --connect --innodb_initialized
# Every named test has to succeed. --connect is only true of the final server: it goes through TCP.
set -eu
account=/var/lib/mysql/.my-healthcheck.cnf
[ $# -gt 0 ] || { echo "healthcheck.sh: name at least one test" >&2; exit 1; }

ask() { mariadb --defaults-extra-file="$account" --skip-column-names --batch "$@"; }
connect() {
    # Refused with an answer still is a server that listens.
    local said
    said=$(ask --host=127.0.0.1 --protocol=tcp -e 'SELECT 1' 2>&1) || [[ $said == *'ERROR 1045'* ]]
}
innodb_initialized() {
    [ "$(ask --protocol=socket -e "SELECT 1 FROM information_schema.ENGINES WHERE engine = 'innodb' AND support IN ('YES', 'DEFAULT', 'ENABLED')")" = 1 ]
}

for test; do
    case "$test" in
        --connect) connect ;;
        --innodb_initialized) innodb_initialized ;;
        --su-mysql) exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$0" "${@:2}" ;;
        *) echo "healthcheck.sh: no such test: $test" >&2; exit 1 ;;
    esac
done
