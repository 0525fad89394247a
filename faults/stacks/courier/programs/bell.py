"""Rings once a minute, so that people know that somebody is there."""

import time

while True:
    print("ding", flush=True)
    time.sleep(60)
