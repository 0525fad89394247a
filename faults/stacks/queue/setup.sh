#!/bin/bash
# Makes the group that takes the jobs, once.
set -eu
ask() { redis-cli -e -h "$BROKER_HOST" -p "$BROKER_PORT" "$@"; }
said=$(ask XGROUP CREATE jobs crew '$' MKSTREAM 2>&1) || grep -q BUSYGROUP <<<"$said" || { echo "ERROR $said"; exit 1; }
echo "the group is there"
