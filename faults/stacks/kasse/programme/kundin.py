"""Buys a seat every second and a half. Says so when that begins or ceases to work."""

import os
import ssl
import sys
import time
import urllib.request

vertraut = ssl.create_default_context(cafile=os.environ["KUNDIN_VERTRAUT"])
zuvor = None
while True:
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=6, context=vertraut) as antwort:
            jetzt = f"Karte bekommen ({antwort.status})"
    except OSError as fehler:
        jetzt = f"ohne Karte geblieben: {fehler}"
    if jetzt != zuvor:
        print(jetzt)
    zuvor = jetzt
    time.sleep(1.5)
