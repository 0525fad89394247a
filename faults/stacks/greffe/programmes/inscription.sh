#!/bin/sh
# Registers the namespace and its search attributes, once.
set -eu
if [ -n "$SANS_INSCRIPTION" ]; then
    echo "rien à inscrire"
    exit 0
fi
temporal operator namespace describe --namespace "$ESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$ESPACE" --retention 72h
connus=
# The server knows a namespace a little later than it makes it.
for essai in 1 2 3 4 5 6 7 8 9 10; do
    connus=$(temporal operator search-attribute list --namespace "$ESPACE") && break
    sleep 2
done
for attribut in $ATTRIBUTS; do
    echo "$connus" | grep -qw "$attribut" ||
        temporal operator search-attribute create --namespace "$ESPACE" --name "$attribut" --type Keyword
done
echo "inscription faite"
