#!/bin/bash
# Makes the authority of the house once, and a certificate for COMMON_NAME; NOT_AFTER is its end, a year from now by itself.
set -euo pipefail
cd /tls
if [ ! -e house.pem ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout house.key -out house.pem -subj "/O=Bourse/CN=House Authority" -days 3650 2>/dev/null
fi
rm -rf ca && mkdir ca && touch ca/index.txt && echo 01 >ca/serial
cat >ca/ca.cnf <<'CNF'
[ca]
default_ca = house
[house]
database = ca/index.txt
serial = ca/serial
new_certs_dir = ca
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
CNF
openssl req -newkey rsa:2048 -nodes -keyout rates.key -out ca/rates.csr -subj "/CN=$COMMON_NAME" -addext "subjectAltName=DNS:$COMMON_NAME" 2>/dev/null
openssl ca -batch -notext -config ca/ca.cnf -cert house.pem -keyfile house.key -in ca/rates.csr -out rates.pem \
    -startdate 20240101000000Z -enddate "${NOT_AFTER:-$(date -u -d '+1 year' +%Y%m%d%H%M%SZ)}" 2>/dev/null
chmod 644 rates.key
echo "issued rates.pem for $COMMON_NAME"
