#!/bin/sh
# Starts RabbitMQ as its own user. The server reads RABBITMQ_DEFAULT_USER and its neighbours itself, and only
# while its data folder is empty.
set -eu

case "${1:-}" in
    rabbitmq*)
        if [ "$(id -u)" = 0 ]; then
            if [ "$1" = rabbitmq-server ]; then
                find /var/lib/rabbitmq \! -user rabbitmq -exec chown rabbitmq '{}' +
            fi
            exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
        fi
        # Debian's programs are wrappers that want to be root.
        program=/usr/lib/rabbitmq/bin/$1
        shift
        exec "$program" "$@"
        ;;
esac
exec "$@"
