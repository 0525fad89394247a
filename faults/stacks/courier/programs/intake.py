"""Publishes a parcel with every request, and answers 503 where that does not work."""

import argparse
import configparser
import logging
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import pika

logging.basicConfig(format="%(asctime)s %(name)s %(levelname).1s %(message)s")
logging.getLogger("pika").setLevel(logging.CRITICAL)
log = logging.getLogger("intake")

words = argparse.ArgumentParser()
words.add_argument("--ini")
ini = configparser.ConfigParser()
ini.read(words.parse_args().ini)
amqp = ini["amqp"]
parameters = pika.ConnectionParameters(
    host=amqp["host"],
    port=amqp.getint("port"),
    virtual_host=amqp["virtual_host"],
    credentials=pika.PlainCredentials(amqp["user"], os.environ.get("INTAKE_AMQP_PASSWORD", "")),
    socket_timeout=3,
    blocked_connection_timeout=3,
)


def publish():
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", amqp["queue"], b"parcel", mandatory=True)
    finally:
        if connection.is_open:
            connection.close()


class Intake(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            publish()
            status, text = 200, b"taken\n"
        except Exception as error:
            log.warning("parcel turned away: %r", error)
            status, text = 503, b"come back\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


HTTPServer(("0.0.0.0", ini["http"].getint("port")), Intake).serve_forever()
