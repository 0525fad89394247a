"""Hands requests on to --upstream, and is as patient as --patience says. Tells of the first of equal failures only."""

import argparse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

words = argparse.ArgumentParser()
for word in ("--upstream", "--bind"):
    words.add_argument(word)
words.add_argument("--patience", type=float)
words = words.parse_args()
last = None


class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        global last
        path = self.path if len(self.path) == 4 else "/EUR"
        try:
            with urllib.request.urlopen(words.upstream + path, timeout=words.patience) as quote:
                status, body, now = 200, quote.read(), None
        except OSError as error:
            status, body, now = 504 if "timed out" in str(error) else 502, b"no quote\n", str(error)
        if now and now != last:
            print(f"[front] upstream: {now}", flush=True)
        last = now or last
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, _, port = words.bind.rpartition(":")
ThreadingHTTPServer((host, int(port)), Front).serve_forever()
