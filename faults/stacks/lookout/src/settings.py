"""What the programs are told by their environment, and by files for what is secret."""

import os
from pathlib import Path

import pika

EXCHANGE = os.environ["EVENTS_EXCHANGE"]
QUEUE = os.environ["EVENTS_QUEUE"]


def secret(name):
    return Path(os.environ[f"{name}_FILE"]).read_text().strip()


def broker():
    return pika.ConnectionParameters(
        host=os.environ["BROKER_HOST"],
        port=int(os.environ["BROKER_PORT"]),
        virtual_host=os.environ["BROKER_VHOST"],
        credentials=pika.PlainCredentials(os.environ["BROKER_USER"], secret("BROKER_PASSWORD")),
        socket_timeout=3,
        blocked_connection_timeout=5,
    )
