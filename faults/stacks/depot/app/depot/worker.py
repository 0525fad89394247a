"""Sends parcels on."""

import time

from depot import store

print("sending parcels on", flush=True)
while True:
    if not store.send_one():
        time.sleep(0.5)
