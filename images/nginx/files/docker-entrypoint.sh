#!/bin/sh
# Runs the scripts of /docker-entrypoint.d before nginx, then becomes what it was told to start.
set -eu

case "${1:-}" in
    nginx | nginx-debug)
        for script in $(find /docker-entrypoint.d/ -follow -type f | sort -V); do
            case "$script" in
                *.envsh) if [ -x "$script" ]; then . "$script"; else echo "$0: $script is not executable" >&2; fi ;;
                *.sh) if [ -x "$script" ]; then "$script"; else echo "$0: $script is not executable" >&2; fi ;;
                *) echo "$0: ignoring $script" >&2 ;;
            esac
        done
        ;;
esac
exec "$@"
