#!/bin/sh
# Hands a document in, asks for it a little later, and says when that goes otherwise than before.
avant=
while :; do
    numero=$(date +%s)
    depot=$(curl -s -o /dev/null --max-time 12 -w '%{http_code}' --data-binary "requête du $(date)" "$1/pieces/$numero")
    sleep 4
    registre=$(curl -s -o /dev/null --max-time 9 -w '%{http_code}' "$1/registre/$numero")
    maintenant="dépôt $depot, registre $registre"
    if [ "$maintenant" != "$avant" ]; then echo "$maintenant"; fi
    avant=$maintenant
    echo "$maintenant" >/tmp/maintenant
done
