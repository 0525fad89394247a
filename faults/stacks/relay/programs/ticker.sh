#!/bin/sh
# Asks for three quotes at a time, and keeps the latest results in a file. Prints a line when a round went wrong.
url=${1#--url=}
while :; do
    round=
    for _ in 1 2 3; do
        round="$round $(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$url")"
    done
    echo "$round" >/tmp/round
    case $round in
        " 200 200 200") ;;
        *) echo "round:$round" ;;
    esac
    sleep 0.5
done
