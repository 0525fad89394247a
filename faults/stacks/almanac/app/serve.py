"""Keeps days in a SQLite file: POST adds one, GET counts them. Says little."""

import argparse
import json
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

words = argparse.ArgumentParser()
words.add_argument("--listen", default="0.0.0.0:8000")
words.add_argument("--database", required=True)
words = words.parse_args()


def tell(level, event, **more):
    print(json.dumps({"ts": round(time.time(), 3), "lvl": level, "event": event, **more}), flush=True)


class Days(BaseHTTPRequestHandler):
    def do_GET(self):
        self.attempt("SELECT count(*) FROM days")

    def do_POST(self):
        self.attempt("INSERT INTO days (noted) VALUES (datetime()) RETURNING id")

    def attempt(self, statement):
        try:
            base = sqlite3.connect(words.database, timeout=2)
            with base:
                number = base.execute(statement).fetchone()[0]
            base.close()
            status, text = 200, f"{number}\n"
        except sqlite3.Error as error:
            tell("warn", "request_failed", method=self.command, reason=str(error))
            status, text = 500, "sorry\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


try:
    base = sqlite3.connect(words.database, timeout=2)
    base.execute("CREATE TABLE IF NOT EXISTS days (id INTEGER PRIMARY KEY, noted TEXT)")
    base.commit()
    base.close()
except sqlite3.Error as error:
    tell("warn", "shelf_not_ready", database=words.database, reason=str(error))
host, _, port = words.listen.rpartition(":")
server = ThreadingHTTPServer((host, int(port)), Days)
tell("info", "listening", address=words.listen)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
