"""Writes the readings that come over NATS into a MariaDB."""

import json
import os
import pathlib
import socket
import time
from urllib.parse import urlsplit

import MySQLdb


def say(text):
    print(time.strftime("%H:%M:%S"), "clerk:", text, flush=True)


def open_database():
    return MySQLdb.connect(
        host=os.environ["DB_HOST"],
        port=int(os.environ["DB_PORT"]),
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        database=os.environ["DB_NAME"],
        connect_timeout=3,
        autocommit=True,
    )


def subscribe():
    address = urlsplit(os.environ["NATS_URL"])
    link = socket.create_connection((address.hostname, address.port), timeout=30)
    stream = link.makefile("rwb")
    stream.readline()
    login = {"user": address.username, "pass": address.password, "name": "clerk", "verbose": False, "pedantic": False}
    stream.write(b"CONNECT %s\r\nSUB %s clerks 1\r\nPING\r\n" % (json.dumps(login).encode(), os.environ["TIDE_SUBJECT"].encode()))
    stream.flush()
    return stream


def readings(stream):
    while line := stream.readline().strip():
        if line.startswith(b"-ERR"):
            raise ConnectionError(line.decode())
        pathlib.Path("/tmp/beat").touch()
        if line.startswith(b"MSG "):
            size = int(line.split()[-1])
            yield json.loads(stream.read(size + 2))
        elif line == b"PING":
            stream.write(b"PONG\r\n")
            stream.flush()
    raise ConnectionError("the bus hung up")


def work():
    database = open_database()
    for reading in readings(subscribe()):
        cursor = database.cursor()
        cursor.execute("INSERT INTO readings (height) VALUES (%s)", (reading["height"],))
        cursor.execute("DELETE FROM readings WHERE id < %s", (cursor.lastrowid - 500,))


while True:
    try:
        work()
    except (OSError, MySQLdb.Error) as error:
        say(f"{type(error).__module__}.{type(error).__name__}: {error}")
    time.sleep(1.5)
