"""Writes every event into the archive of its minute and into the database."""

import json
import logging
import os
import time
from pathlib import Path

import pika
import pymysql

import database
from settings import EXCHANGE, QUEUE, broker

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-8s %(name)s: %(message)s")
logging.getLogger("pika").setLevel(logging.WARNING)
log = logging.getLogger("lookout.writer")
archive = Path(os.environ["ARCHIVE_DIR"])


def store(body):
    event = json.loads(body)
    name = time.strftime("%Y%m%d-%H%M.ndjson", time.gmtime(event["received"]))
    with (archive / name).open("a") as file:
        file.write(json.dumps(event) + "\n")
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events (source, level, message) VALUES (%s, %s, %s)",
            (event["source"], event.get("level", "info"), event.get("message", "")),
        )


def main():
    connection = pika.BlockingConnection(broker())
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True)
    channel.queue_bind(QUEUE, EXCHANGE, "#")
    channel.basic_qos(prefetch_count=10)
    log.info("consuming from %s", QUEUE)
    for method, _, body in channel.consume(QUEUE, inactivity_timeout=2):
        Path("/tmp/alive").touch()
        if method is None:
            continue
        try:
            store(body)
        except (OSError, pymysql.MySQLError):
            log.exception("event was not stored, it goes back into the queue")
            channel.basic_nack(method.delivery_tag, requeue=True)
            connection.sleep(1)
        else:
            channel.basic_ack(method.delivery_tag)


main()
