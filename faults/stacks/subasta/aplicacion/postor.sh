#!/bin/bash
# Bids and looks at the board. Tells of changes only; the first two words of an answer are enough.
antes=
while :; do
    puja=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$1/?importe=$((RANDOM % 900 + 100))")
    vista=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$2/")
    [ -z "$PUJAS_BAJAS" ] || curl -s --max-time 5 -o /dev/null "$1/?importe=-3"
    ahora="puja=$puja tablero=$vista"
    echo "$ahora" >/tmp/ahora
    [ "$ahora" = "$antes" ] || echo "nivel=info msg=cambio $ahora"
    antes=$ahora
    sleep 0.6
done
