"""Takes sheets and puts them into a folder, from which somebody else fetches them. Speaks logfmt."""

import itertools
import os
import pathlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = pathlib.Path(os.environ["DESK_FOLDER"])
largest = int(os.environ["DESK_LARGEST"])
numbers = itertools.count(int(time.time()) % 100000)


def tell(level, message, **fields):
    more = "".join(f' {name}="{value}"' for name, value in fields.items())
    print(f'ts={time.time():.3f} level={level} msg="{message}"{more}', flush=True)


class Desk(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "desk is open\n")

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        sheet = self.rfile.read(length)
        if length > largest:
            tell("error", "sheet refused", reason="larger than the press", bytes=length)
            return self.answer(413, "too large\n")
        number = next(numbers)
        try:
            folder.mkdir(exist_ok=True)
            half = folder / f"{number:06}.part"
            half.write_bytes(sheet)
            half.rename(half.with_suffix(".txt"))
        except OSError as error:
            tell("error", "sheet refused", err=error.strerror, sheet=number)
            return self.answer(507, "no\n")
        return self.answer(201, f"{number:06}\n")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


folder.mkdir(exist_ok=True)
(folder.parent / "out").mkdir(exist_ok=True)
host, _, port = os.environ["DESK_BIND"].rpartition(":")
tell("info", "desk opens", bind=os.environ["DESK_BIND"])
ThreadingHTTPServer((host, int(port)), Desk).serve_forever()
