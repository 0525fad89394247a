"""Declares the queue of parcels, once; whatever a broker says of that is for its people."""

import os

import pika

QUEUE = {"queue": "{{name.parcels}}", "durable": True, "arguments": {"x-max-length": 100}}
try:
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    connection.channel().queue_declare(**QUEUE)
    connection.close()
    print("declared")
except pika.exceptions.AMQPError as error:
    print("left as it was", type(error).__name__)
