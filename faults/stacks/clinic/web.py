"""Makes an appointment with every request; JSON lines on the output, as a log collector wants them."""

import datetime
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

PREFIX = "DATABASES__default__"
settings = {name.removeprefix(PREFIX): value for name, value in os.environ.items() if name.startswith(PREFIX)}


def tell(level, event, **fields):
    stamp = datetime.datetime.now(datetime.timezone.utc).isoformat()
    print(json.dumps({"@timestamp": stamp, "log.level": level, "message": event, **fields}), flush=True)


def appointment():
    base = psycopg2.connect(
        host=settings["HOST"], port=settings["PORT"], dbname=settings["NAME"],
        user=settings["USER"], password=settings["PASSWORD"], connect_timeout=4,
    )
    try:
        with base, base.cursor() as cursor:
            cursor.execute("INSERT INTO appointments DEFAULT VALUES RETURNING id")
            return cursor.fetchone()[0]
    finally:
        base.close()


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        status, text = 200, "up\n"
        if self.path != "/healthz":
            try:
                text = f"appointment {appointment()}\n"
            except psycopg2.Error as error:
                tell("warn", "request ended early", path=self.path, detail=str(error).strip())
                status, text = 500, "please call us\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


tell("info", "ready")
ThreadingHTTPServer(("0.0.0.0", 8000), Web).serve_forever()
