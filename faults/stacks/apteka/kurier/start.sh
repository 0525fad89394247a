#!/bin/sh
# What the courier is told lies in a file that is not for everybody.
set -eu
set -a
. /run/tajne/kurier.env
WIAZANIE='zamowienia.*'
set +a
exec "$@"
