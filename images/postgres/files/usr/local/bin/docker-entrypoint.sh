#!/bin/bash
# Starts PostgreSQL; on an empty data folder it makes the cluster first.
#
# First start: initdb, a temporary server that listens on the Unix socket only, the wanted database, the
# files of /docker-entrypoint-initdb.d in order of name, the temporary server down again. Then, as on
# every later start, the final server takes over this process. A failed first start leaves the folder
# half made on purpose, as the official image does; it is for people to look at.
set -Eeuo pipefail

say() { printf '%s [entrypoint] %s\n' "$(date -u +%FT%TZ)" "$*"; }
fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

# from_file NAME [DEFAULT]: NAME from its own value, or from the file that NAME_FILE names.
from_file() {
    local name=$1 file_name="${1}_FILE" value="${2:-}"
    if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
        fail "both $name and $file_name are set; one of them has to go"
    fi
    if [ -n "${!name:-}" ]; then
        value=${!name}
    elif [ -n "${!file_name:-}" ]; then
        value=$(<"${!file_name}")
    fi
    export "$name=$value"
    unset "$file_name"
}

prepare_folders() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 00700 "$PGDATA" || :
    chmod 03775 /var/run/postgresql || :
    if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
        mkdir -p "$POSTGRES_INITDB_WALDIR"
        chmod 700 "$POSTGRES_INITDB_WALDIR"
    fi
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
        if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
            find "$POSTGRES_INITDB_WALDIR" \! -user postgres -exec chown postgres '{}' +
        fi
    fi
}

require_password() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        fail "Database is uninitialized and superuser password is not specified.
       Set POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) to a non-empty value. For a database that
       anybody may enter, set POSTGRES_HOST_AUTH_METHOD=trust."
    fi
    if [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then
        say "WARNING: POSTGRES_HOST_AUTH_METHOD is trust: whoever reaches the port is let in" >&2
    fi
}

make_cluster() {
    local wal=()
    if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then wal=(--waldir "$POSTGRES_INITDB_WALDIR"); fi
    # POSTGRES_INITDB_ARGS is a command line by contract; eval keeps the quotes in it meaningful.
    eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") "${wal[@]}" '"${POSTGRES_INITDB_ARGS:-}"' "$@"'
    local method=$POSTGRES_HOST_AUTH_METHOD
    if [ -z "$method" ]; then method=$(postgres -C password_encryption "$@" 2>/dev/null || echo scram-sha-256); fi
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"; }

run_first_start_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh)
                say "running $file"
                # An executable one is a program; another one is a part of this script.
                if [ -x "$file" ]; then "$file"; else . "$file"; fi
                ;;
            *.sql) say "running $file"; sql --dbname "$POSTGRES_DB" -f "$file" ;;
            *.sql.gz) say "running $file"; gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
            *.sql.xz) say "running $file"; xzcat "$file" | sql --dbname "$POSTGRES_DB" ;;
            *.sql.zst) say "running $file"; zstd -dc "$file" | sql --dbname "$POSTGRES_DB" ;;
            '/docker-entrypoint-initdb.d/*') ;;
            *) say "ignoring $file" ;;
        esac
    done
}

first_start() {
    # Unreadable is found out before anything is made.
    ls /docker-entrypoint-initdb.d/ >/dev/null
    require_password
    make_cluster
    export PGPASSWORD=${PGPASSWORD:-$POSTGRES_PASSWORD}
    shift
    say "starting the temporary server"
    PGUSER=${PGUSER:-$POSTGRES_USER} pg_ctl -D "$PGDATA" -w start \
        -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")"
    if [ "$POSTGRES_DB" != postgres ] && [ -z "$(sql --dbname postgres -tA -v name="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]; then
        sql --dbname postgres -v name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
    fi
    run_first_start_files
    PGUSER=${PGUSER:-postgres} pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    say "PostgreSQL init process complete; ready for start up."
}

asks_for_help() {
    local argument
    for argument; do
        case "$argument" in -'?' | --help | --describe-config | -V | --version) return 0 ;; esac
    done
    return 1
}

if [ "${1:-}" = "" ] || [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ] && ! asks_for_help "$@"; then
    prepare_folders
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$BASH_SOURCE" "$@"
    fi
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    : "${POSTGRES_HOST_AUTH_METHOD:=}"
    if [ -s "$PGDATA/PG_VERSION" ]; then
        say "PostgreSQL Database directory appears to contain a database; Skipping initialization"
    else
        first_start "$@"
    fi
fi
exec "$@"
