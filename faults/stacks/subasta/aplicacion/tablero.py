"""Shows the latest bid, as the bus told of it; 503 where there was none for a while."""

import json
import pathlib
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

ajustes = tomllib.loads(pathlib.Path(sys.argv[1]).read_text())
ultima = {"cuando": 0.0, "texto": ""}


def di(nivel, msg, causa=""):
    print(f"nivel={nivel} msg={json.dumps(msg)} causa={json.dumps(str(causa), ensure_ascii=False)}")


def escucha():
    bus, espera = ajustes["bus"], 1
    while True:
        try:
            cliente = redis.Redis(bus["servidor"], bus["puerto"], password=bus["clave"], socket_connect_timeout=3)
            oido = cliente.pubsub(ignore_subscribe_messages=True)
            oido.subscribe(bus["canal"])
            di("info", "a la escucha")
            for aviso in oido.listen():
                ultima.update(cuando=time.monotonic(), texto=aviso["data"].decode())
                espera = 1
        except redis.RedisError as fallo:
            di("aviso", f"bus perdido, otra vez en {espera} s", fallo)
            time.sleep(espera)
            espera = min(espera * 2, 4)


class Tablero(BaseHTTPRequestHandler):
    def do_GET(self):
        reciente = ultima["cuando"] and time.monotonic() - ultima["cuando"] < 8
        vale = self.path == "/vivo" or reciente
        texto = (ultima["texto"] or "sin pujas") + "\n"
        self.send_response(200 if vale else 503)
        self.send_header("Content-Length", str(len(texto)))
        self.end_headers()
        self.wfile.write(texto.encode())

    def log_message(self, *_):
        pass


threading.Thread(target=escucha, daemon=True).start()
ThreadingHTTPServer(("0.0.0.0", ajustes["web"]["puerto"]), Tablero).serve_forever()
