#!/bin/bash
# Waits for HOST:PORT, without a word, and becomes the command.
until (exec 3<>"/dev/tcp/${WAIT_FOR%:*}/${WAIT_FOR##*:}") 2>/dev/null; do sleep 0.5; done
exec "$@"
