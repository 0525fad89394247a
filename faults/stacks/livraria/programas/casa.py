"""What the programs of the bookshop have in common."""

import json
import os
import pathlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def diz(nivel, mensagem):
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {nivel} {mensagem}", flush=True)


def segredo():
    """What tokens are signed with: from a file where one is named."""
    ficheiro = os.environ.get("JWT_SECRET_FILE")
    return pathlib.Path(ficheiro).read_text().strip() if ficheiro else os.environ["JWT_SECRET"]


class Servidor(BaseHTTPRequestHandler):
    def responde(self, estado, dados):
        texto = dados if isinstance(dados, bytes) else (json.dumps(dados, ensure_ascii=False) + "\n").encode()
        self.send_response(estado)
        self.send_header("Content-Length", str(len(texto)))
        self.end_headers()
        self.wfile.write(texto)

    def log_message(self, *_):
        pass


def serve(servidor):
    diz("info", f"à escuta em {os.environ['PORT']}")
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), servidor).serve_forever()
