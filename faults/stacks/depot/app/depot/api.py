"""Takes parcels in, and tells how many wait."""

import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from depot import receipts, settings, store


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self):
        if self.path == "/health":
            self.attempt(lambda: store.ask("SELECT 'well'")[0])
        else:
            self.attempt(lambda: f"{store.waiting()} wait\n")

    def do_POST(self):
        self.attempt(lambda: receipts.text(store.add("parcel")))

    def attempt(self, work):
        try:
            status, text = 200, work()
        except Exception:
            traceback.print_exc()
            status, text = 503, "not now\n"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Says nothing of requests that went well."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", settings.PORT), Handler)
    print(f"listening on {settings.PORT}", flush=True)
    server.serve_forever()
