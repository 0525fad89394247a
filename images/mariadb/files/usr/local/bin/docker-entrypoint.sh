#!/bin/bash
# Starts MariaDB; on an empty data folder it makes the system tables first.
#
# First start: mariadb-install-db, a temporary server without network, root's password, the wanted
# database and user, the files of /docker-entrypoint-initdb.d in order of name, the temporary server down
# again. Then, as on every later start, the final server takes over this process.
# Every MARIADB_ variable may also be called MYSQL_, and may come from a file named by the same with _FILE.
set -Eeuo pipefail

data=/var/lib/mysql
socket=/run/mysqld/mysqld.sock

say() { printf '%s [Note] [Entrypoint]: %s\n' "$(date -u '+%F %T+00:00')" "$*"; }
fail() { printf '%s [ERROR] [Entrypoint]: %s\n' "$(date -u '+%F %T+00:00')" "$*" >&2; exit 1; }

# from_file NAME [DEFAULT]: sets MARIADB_NAME from itself, from MYSQL_NAME, or from either's file.
from_file() {
    local wanted="MARIADB_$1" value="${2:-}" found="" name file
    for name in "MARIADB_$1" "MYSQL_$1"; do
        file="${name}_FILE"
        if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
            fail "both $name and $file are set; one of them has to go"
        fi
        if [ -z "$found" ] && [ -n "${!name:-}" ]; then
            value=${!name} found=yes
        elif [ -z "$found" ] && [ -n "${!file:-}" ]; then
            value=$(<"${!file}") found=yes
        fi
        unset "$file"
    done
    export "$wanted=$value"
}

literal() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}
identifier() { printf '`%s`' "${1//\`/\`\`}"; }

require_password() {
    local given=0 name
    for name in MARIADB_ROOT_PASSWORD MARIADB_ROOT_PASSWORD_HASH MARIADB_ALLOW_EMPTY_ROOT_PASSWORD MARIADB_RANDOM_ROOT_PASSWORD; do
        if [ -n "${!name}" ]; then given=1; fi
    done
    if [ $given = 0 ]; then
        fail "Database is uninitialized and password option is not specified
	You need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD"
    fi
    if [ "$MARIADB_USER" = root ]; then
        fail "MARIADB_USER must not be root: that user is there already, with MARIADB_ROOT_PASSWORD"
    fi
    if [ -n "$MARIADB_USER" ] && [ -z "$MARIADB_PASSWORD$MARIADB_PASSWORD_HASH" ]; then
        fail "MARIADB_USER is set without MARIADB_PASSWORD or MARIADB_PASSWORD_HASH"
    fi
}

start_temporary() {
    "$@" --skip-networking --socket="$socket" --wsrep-on=OFF --skip-slave-start --loose-innodb-buffer-pool-load-at-startup=0 &
    temporary=$!
    say "Waiting for server startup"
    local turn
    for turn in {1..300}; do
        if mariadb --no-defaults --protocol=socket --socket="$socket" --user=root -e 'SELECT 1' >/dev/null 2>&1; then return; fi
        kill -0 "$temporary" 2>/dev/null || fail "Unable to start server."
        sleep 0.1
    done
    fail "Unable to start server."
}

stop_temporary() {
    kill "$temporary"
    wait "$temporary" || fail "Unable to shut down server."
}

sql() { mariadb --no-defaults --protocol=socket --socket="$socket" --user=root --binary-mode --comments "$@"; }

identified() {
    # identified PASSWORD HASH
    if [ -n "$2" ]; then printf 'IDENTIFIED BY PASSWORD %s' "$(literal "$2")"; else printf 'IDENTIFIED BY %s' "$(literal "$1")"; fi
}

set_up_accounts() {
    if [ -z "$MARIADB_INITDB_SKIP_TZINFO" ]; then
        mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | sql --database=mysql
    fi
    local health
    health=$(pwgen --secure 32 1)
    {
        echo "SET @@SESSION.SQL_LOG_BIN=0;"
        for host in 127.0.0.1 ::1 localhost; do
            echo "CREATE USER IF NOT EXISTS healthcheck@'$host' IDENTIFIED BY '$health'; GRANT USAGE ON *.* TO healthcheck@'$host';"
        done
        if [ -n "$MARIADB_DATABASE" ]; then
            echo "CREATE DATABASE IF NOT EXISTS $(identifier "$MARIADB_DATABASE");"
        fi
        if [ -n "$MARIADB_USER" ]; then
            echo "CREATE USER $(literal "$MARIADB_USER")@'%' $(identified "$MARIADB_PASSWORD" "$MARIADB_PASSWORD_HASH");"
            if [ -n "$MARIADB_DATABASE" ]; then
                local pattern=${MARIADB_DATABASE//_/\\_}
                echo "GRANT ALL ON $(identifier "$pattern").* TO $(literal "$MARIADB_USER")@'%';"
            fi
        fi
    } | sql
    (umask 0077 && printf '[mariadb-client]\nuser=healthcheck\npassword=%s\nsocket=%s\n' "$health" "$socket" >"$data/.my-healthcheck.cnf")
}

# Root's password comes last but the user's files: until here the socket needs none.
protect_root() {
    local root
    if [ -n "$MARIADB_RANDOM_ROOT_PASSWORD" ]; then
        MARIADB_ROOT_PASSWORD=$(pwgen --numerals --capitalize --symbols --remove-chars="'\\" -1 32)
        say "GENERATED ROOT PASSWORD: $MARIADB_ROOT_PASSWORD"
    fi
    root=$(identified "$MARIADB_ROOT_PASSWORD" "$MARIADB_ROOT_PASSWORD_HASH")
    {
        echo "SET @@SESSION.SQL_LOG_BIN=0;"
        # Made without a password, for every name of this container.
        echo "DROP USER IF EXISTS root@127.0.0.1, root@'::1', root@$(literal "$(hostname)");"
        if [ "$MARIADB_ROOT_HOST" != localhost ]; then
            echo "CREATE USER root@$(literal "$MARIADB_ROOT_HOST") $root; GRANT ALL ON *.* TO root@$(literal "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
        fi
        if [ -z "$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD" ] || [ -n "$MARIADB_ROOT_PASSWORD$MARIADB_ROOT_PASSWORD_HASH" ]; then
            echo "ALTER USER root@localhost $root;"
        fi
    } | sql
    export MYSQL_PWD=$MARIADB_ROOT_PASSWORD
}

# The name that the official image's own scripts use, for first-start scripts that call it.
docker_process_sql() { sql ${MARIADB_DATABASE:+--database="$MARIADB_DATABASE"} "$@"; }

run_first_start_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh)
                say "running $file"
                if [ -x "$file" ]; then "$file"; else . "$file"; fi
                ;;
            *.sql) say "running $file"; docker_process_sql <"$file" ;;
            *.sql.gz) say "running $file"; gunzip -c "$file" | docker_process_sql ;;
            *.sql.xz) say "running $file"; xzcat "$file" | docker_process_sql ;;
            *.sql.zst) say "running $file"; zstd -dc "$file" | docker_process_sql ;;
            '/docker-entrypoint-initdb.d/*') ;;
            *) say "ignoring $file" ;;
        esac
    done
}

first_start() {
    require_password
    ls /docker-entrypoint-initdb.d/ >/dev/null
    say "Initializing database files"
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db \
        --default-time-zone=SYSTEM --enforce-storage-engine= --skip-log-bin --cross-bootstrap >/dev/null
    say "Starting temporary server"
    start_temporary "$@"
    say "Temporary server started."
    set_up_accounts
    protect_root
    run_first_start_files
    say "Stopping temporary server"
    stop_temporary
    unset MYSQL_PWD
    say "MariaDB init process done. Ready for start up."
}

asks_for_help() {
    local argument
    for argument; do
        case "$argument" in -'?' | --help | --print-defaults | -V | --version) return 0 ;; esac
    done
    return 1
}

if [ "${1:-}" = "" ] || [ "${1:0:1}" = - ]; then set -- mariadbd "$@"; fi
if { [ "$1" = mariadbd ] || [ "$1" = mysqld ]; } && ! asks_for_help "$@"; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$data" /run/mysqld
        find "$data" \! -user mysql -exec chown mysql: '{}' +
        find /run/mysqld -maxdepth 0 \! -user mysql -exec chown mysql: '{}' +
        exec setpriv --reuid=mysql --regid=mysql --init-groups -- "$BASH_SOURCE" "$@"
    fi
    for name in ROOT_PASSWORD ROOT_PASSWORD_HASH DATABASE USER PASSWORD PASSWORD_HASH ALLOW_EMPTY_ROOT_PASSWORD \
        RANDOM_ROOT_PASSWORD INITDB_SKIP_TZINFO; do
        from_file "$name"
    done
    # The older names of the two switches.
    : "${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:=${MARIADB_ALLOW_EMPTY_PASSWORD:-${MYSQL_ALLOW_EMPTY_PASSWORD:-}}}"
    from_file ROOT_HOST %
    if [ ! -d "$data/mysql" ]; then
        first_start "$@"
    fi
fi
exec "$@"
