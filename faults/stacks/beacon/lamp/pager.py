"""Prints what Alertmanager wants somebody to know."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Pager(BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in told["alerts"]:
            labels = alert["labels"]
            print("page:", alert["status"], labels["alertname"], labels.get("instance", ""))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


HTTPServer(("0.0.0.0", 8000), Pager).serve_forever()
