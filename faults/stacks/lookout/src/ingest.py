"""Takes webhooks, keeps them in a journal for a while, and hands them to the broker."""

import json
import os
import threading
import time
from pathlib import Path

import pika
from fastapi import Body, FastAPI
from pika.exceptions import AMQPError

from settings import EXCHANGE, broker

app = FastAPI(title="lookout ingest", docs_url=None, redoc_url=None)


class Journal:
    def __init__(self, path, max_bytes):
        self.path, self.max_bytes, self.lock = Path(path), max_bytes, threading.Lock()

    def append(self, line):
        with self.lock:
            if self.path.exists() and self.path.stat().st_size > self.max_bytes:
                self.path.replace(self.path.with_suffix(".1"))
            with self.path.open("a") as file:
                file.write(line + "\n")


class Publisher:
    def __init__(self):
        self.channel, self.lock = None, threading.Lock()

    def publish(self, source, body):
        with self.lock:
            try:
                self.send(source, body)
            except AMQPError:
                # A connection that lay still for long is no connection any more.
                self.channel = None
                self.send(source, body)

    def send(self, source, body):
        if self.channel is None or not self.channel.is_open:
            self.channel = pika.BlockingConnection(broker()).channel()
            self.channel.exchange_declare(EXCHANGE, "topic", durable=True)
        self.channel.basic_publish(EXCHANGE, source, body, pika.BasicProperties(delivery_mode=2))


journal = Journal(os.environ["JOURNAL_FILE"], int(os.environ["JOURNAL_MAX_BYTES"]))
publisher = Publisher()


@app.get("/healthz")
def healthz():
    return {"status": "ok"}


@app.post("/hooks/{source}", status_code=202)
def hook(source: str, event: dict = Body(...)):
    line = json.dumps({**event, "source": source, "received": time.time()})
    journal.append(line)
    publisher.publish(source, line.encode())
    return {"status": "queued"}
