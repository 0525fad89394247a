#!/bin/sh
# Hands in a prescription, another one with a scan, reads a leaflet and orders something, over and over.
# Says when that goes otherwise than before.
head -c 40000 /dev/zero | tr '\0' x >/tmp/skan
zapytaj() { curl -s -o /dev/null --max-time 9 -w '%{http_code}' "$@"; }
przedtem=
raz=0
while :; do
    raz=$((raz + 1))
    numer=$(date +%s)-$raz
    recepta=$(zapytaj -H "X-Numer: $numer" -d 'syrop' "$1/recepty")
    skan=$(zapytaj -H "X-Numer: $numer-skan" -H 'Content-Type: application/octet-stream' -H 'Expect:' --data-binary @/tmp/skan "$1/recepty")
    ulotka=$(zapytaj "$1/ulotki/$((raz % 20))")
    zamowienie=$(zapytaj -d "zamowienie $numer" "$1/zamowienia")
    teraz="recepta $recepta, skan $skan, ulotka $ulotka, zamowienie $zamowienie"
    if [ "$teraz" != "$przedtem" ]; then echo "$teraz"; fi
    przedtem=$teraz
    echo "$teraz" >/tmp/teraz
    sleep 1
done
