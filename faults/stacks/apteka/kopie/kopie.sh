#!/bin/sh
# Copies the database every few seconds, and keeps the last three copies.
set -u
while :; do
    plik=/kopie/$(date +%s).sql
    if mariadb-dump --defaults-extra-file=/etc/apteka/klient.cnf --single-transaction --no-tablespaces {{name.leki}} >"$plik.nowa"; then
        mv "$plik.nowa" "$plik"
        ls -1t /kopie/*.sql | tail -n +4 | xargs -r rm -f
    else
        echo "kopie: nie udało się" >&2
        rm -f "$plik.nowa"
    fi
    sleep "$CO_ILE"
done
