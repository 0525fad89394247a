"""Takes orders from the queue and writes each of them into the database."""

import logging
import os
import pathlib
import time

import pika
import pymysql

logging.basicConfig(level=logging.INFO, format="%(levelname)s [%(name)s] %(message)s")
logging.getLogger("pika").setLevel(logging.CRITICAL)
log = logging.getLogger("kurier")


def deliver(base, body):
    base.ping(reconnect=True)
    with base.cursor() as cursor:
        cursor.execute("INSERT INTO dostawy (zamowienie) VALUES (%s)", (body.decode(),))
        cursor.execute("DELETE FROM dostawy WHERE id < %s", (cursor.lastrowid - 200,))
    pathlib.Path("/tmp/dostarczono").touch()


def work():
    base = pymysql.connect(
        host=os.environ["BAZA_HOST"], user=os.environ["BAZA_UZYTKOWNIK"], password=os.environ["BAZA_HASLO"],
        database=os.environ["BAZA_NAZWA"], connect_timeout=3, read_timeout=6, autocommit=True,
    )
    with pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])) as connection:
        channel = connection.channel()
        channel.exchange_declare("apteka", "topic", durable=True)
        channel.queue_declare("zamowienia", durable=True, arguments={"x-max-length": 1000})
        channel.queue_bind("zamowienia", "apteka", os.environ["WIAZANIE"])
        log.info("kurier czeka na zamówienia")
        for method, _, body in channel.consume("zamowienia"):
            deliver(base, body)
            channel.basic_ack(method.delivery_tag)


while True:
    try:
        work()
    except Exception:
        log.exception("kurier wraca, spróbuje za 2 s")
    time.sleep(2)
