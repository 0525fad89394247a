#!/bin/sh
# Starts Redis as its own user. Options alone, or a configuration file alone, mean redis-server.
set -eu

case "${1:-}" in
    '' | -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis '{}' +
        exec setpriv --reuid=redis --regid=redis --init-groups -- "$0" "$@"
    fi
    # New files are for the server alone, unless somebody chose a mask.
    if [ "$(umask)" = 0022 ]; then umask 0077; fi

    # The official image is built with protected mode off: a published port is the user's decision.
    # Debian's server has it on, so it is turned off here where neither file nor options say otherwise.
    chosen=no
    for argument; do
        case "$argument" in
            --protected-mode) chosen=yes ;;
            *.conf) if grep -q '^[[:space:]]*protected-mode' "$argument" 2>/dev/null; then chosen=yes; fi ;;
        esac
    done
    if [ "$chosen" = no ]; then set -- "$@" --protected-mode no; fi
fi
exec "$@"
