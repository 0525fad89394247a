#!/bin/bash
# Makes the authority of the house once, and a certificate for --host that is valid for --days.
set -euo pipefail
while [ $# -gt 0 ]; do
    case $1 in
        --host) host=$2 ;;
        --days) days=$2 ;;
    esac
    shift 2
done
cd /siegel
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
if [ ! -e stelle.pem ]; then
    openssl req -x509 "${key[@]}" -keyout stelle.key -out stelle.pem -subj "/O=Haus/CN=Stelle des Hauses" -days 400 2>/dev/null
fi
openssl req "${key[@]}" -keyout kasse.key -out kasse.csr -subj "/CN=$host" 2>/dev/null
openssl x509 -req -in kasse.csr -CA stelle.pem -CAkey stelle.key -CAcreateserial -days "$days" -out kasse.pem \
    -extfile <(printf 'subjectAltName=DNS:%s,DNS:localhost\nextendedKeyUsage=serverAuth\n' "$host") 2>/dev/null
echo "Siegel für $host erneuert"
