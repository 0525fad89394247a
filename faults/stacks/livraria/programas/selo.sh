#!/bin/bash
# Makes the authority of the house once, and anew a certificate for the name $1.
set -euo pipefail
cd /selo
chave=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
if [ ! -e casa.pem ]; then
    openssl req -x509 "${chave[@]}" -keyout casa.key -out casa.pem -subj "/O=Livraria/CN=Casa" -days 400 2>/dev/null
fi
openssl req "${chave[@]}" -keyout porta.key -out porta.csr -subj "/CN=$1" 2>/dev/null
openssl x509 -req -in porta.csr -CA casa.pem -CAkey casa.key -CAcreateserial -days 90 -out porta.pem \
    -extfile <(echo "subjectAltName=DNS:$1,DNS:localhost") 2>/dev/null
echo "selo para $1 renovado"
