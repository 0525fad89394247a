"""Publishes every order, and answers 503 where that does not work. Its log is JSON."""

import configparser
import json
import logging
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika


class Json(logging.Formatter):
    def format(self, record):
        entry = {"ts": self.formatTime(record), "level": record.levelname, "logger": record.name, "msg": record.getMessage()}
        if record.exc_info:
            entry["exc"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


handler = logging.StreamHandler()
handler.setFormatter(Json())
logging.basicConfig(level=logging.INFO, handlers=[handler])
logging.getLogger("pika").setLevel(logging.CRITICAL)
log = logging.getLogger("rejestr")

ini = configparser.ConfigParser(interpolation=None)
ini.read(sys.argv[1])
kolejka = ini["kolejka"]
parameters = pika.ConnectionParameters(
    host=kolejka["host"],
    port=kolejka.getint("port"),
    virtual_host=kolejka["vhost"],
    credentials=pika.PlainCredentials(kolejka["uzytkownik"], kolejka["haslo"]),
    socket_timeout=3,
    blocked_connection_timeout=4,
)


def publish(body):
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.exchange_declare(kolejka["wymiana"], "topic", durable=True)
        channel.basic_publish(kolejka["wymiana"], kolejka["klucz"], body)
    finally:
        if connection.is_open:
            connection.close()


class Rejestr(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            publish(body)
            status = 202
        except Exception:
            log.exception("zamówienie odrzucone")
            status = 503
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


log.info("rejestr otwarty na %s", ini["http"]["port"])
ThreadingHTTPServer(("", ini["http"].getint("port")), Rejestr).serve_forever()
