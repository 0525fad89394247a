#!/bin/bash
# Puts what is in the file of every SITE_…_FILE into SITE_…, then becomes the command.
for name in "${!SITE_@}"; do
    case $name in
        *_FILE)
            if [[ ! -r ${!name} ]]; then
                echo "with-secrets: ${!name}: cannot be read, giving up" >&2
                exit 78
            fi
            declare -x "${name%_FILE}=$(<"${!name}")"
            unset "$name"
            ;;
    esac
done
if [ "$1" = php-fpm ]; then chown www-data "$SITE_UPLOADS"; fi
exec "$@"
