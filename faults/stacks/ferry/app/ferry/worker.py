"""Confirms the bookings that the broker hands out."""

import json
import logging
import pathlib
import time

import pika
from pika.exceptions import AMQPError
from sqlalchemy import create_engine, text

from .settings import Settings, speak_json

log = logging.getLogger("ferry.worker")
settings = Settings()
engine = create_engine(settings.postgres_dsn, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args={"connect_timeout": 3})


def confirm(body):
    booking = json.loads(body)["booking"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE bookings SET confirmed = true WHERE id = :id"), {"id": booking})


def work():
    connection = pika.BlockingConnection(pika.URLParameters(settings.amqp_uri))
    channel = connection.channel()
    channel.queue_declare(settings.booking_queue, durable=True)
    channel.basic_qos(prefetch_count=4)
    log.info("on deck", extra={"queue": settings.booking_queue})
    for method, _, body in channel.consume(settings.booking_queue, inactivity_timeout=2):
        pathlib.Path("/tmp/beat").touch()
        if method is None:
            continue
        try:
            confirm(body)
        except (ValueError, KeyError):
            log.exception("message dropped: it is no booking", extra={"body": body.decode(errors="replace")})
            channel.basic_reject(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag)


speak_json()
pause = 1
while True:
    try:
        work()
    except AMQPError as error:
        log.error("broker is not there, next try in %s s: %r", pause, error)
        time.sleep(pause)
        pause = min(pause * 2, 8)
