#!/bin/sh
# Runs every file of wersje that was not run before, in the order of their names.
set -eu
sql() { mariadb --defaults-extra-file=/etc/apteka/klient.cnf --skip-column-names --batch {{name.leki}} "$@"; }
sql -e 'CREATE TABLE IF NOT EXISTS wersje (plik VARCHAR(80) PRIMARY KEY)'
for plik in /srv/migracje/wersje/*.sql; do
    nazwa=$(basename "$plik")
    if [ "$(sql -e "SELECT count(*) FROM wersje WHERE plik = '$nazwa'")" = 0 ]; then
        sql <"$plik"
        sql -e "INSERT INTO wersje VALUES ('$nazwa')"
        echo "migracje: $nazwa"
    fi
done
echo "migracje: gotowe"
