"""Shows the pattern that the store has."""

import base64
import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

counts = {"shown": 0, "failed": 0}


def pattern():
    question = json.dumps({"key": base64.b64encode(b"/beacon/pattern").decode()}).encode()
    with urllib.request.urlopen(os.environ["ETCD_ENDPOINT"] + "/v3/kv/range", question, timeout=3) as answer:
        values = json.load(answer).get("kvs", [])
    return base64.b64decode(values[0]["value"]) + b"\n"


class Lamp(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ready":
            return self.answer(200, b"ready\n")
        if self.path == "/metrics":
            lines = ('lamp_turns_total{result="%s"} %d\n' % (name, count) for name, count in counts.items())
            return self.answer(200, "".join(lines).encode())
        try:
            light = pattern()
        except (OSError, ValueError, IndexError) as error:
            counts["failed"] += 1
            print(f"lamp stays dark: {error}")
            return self.answer(503, b"dark\n")
        counts["shown"] += 1
        return self.answer(200, light)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", int(os.environ["LAMP_LISTEN"])), Lamp).serve_forever()
