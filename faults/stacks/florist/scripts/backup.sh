#!/bin/sh
# Dumps the shop every BACKUP_INTERVAL seconds, and keeps the last BACKUP_KEEP dumps.
while :; do
    file=/backups/$(date +%Y%m%d-%H%M%S).sql.gz
    if pg_dump --no-owner --compress=6 --file="$file.part"; then
        mv "$file.part" "$file"
    else
        echo "backup: $file failed" >&2
        rm -f "$file.part"
    fi
    ls -1t /backups/*.sql.gz 2>/dev/null | tail -n "+$((BACKUP_KEEP + 1))" | xargs -r rm --
    sleep "$BACKUP_INTERVAL"
done
