"""Shows what is on the shelf."""

import os
import signal
import time

import redis

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
shelf = redis.Redis.from_url(os.environ["SHELF"])
while True:
    print("rates:", shelf.get("rates"))
    time.sleep(5)
