#!/bin/bash
# Makes an authority and a certificate for SERVER_NAME, valid for VALID_DAYS.
set -euo pipefail
cd /trust
new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${new[@]}" -keyout ca.key -out ca.crt -subj "/CN=harbour authority" -days 30 2>/dev/null
openssl req "${new[@]}" -keyout server.key -out server.csr -subj "/CN=$SERVER_NAME" 2>/dev/null
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$VALID_DAYS" -out server.crt \
    -extfile <(echo "subjectAltName=DNS:$SERVER_NAME") 2>/dev/null
chmod 644 server.key
echo "papers are in order"
