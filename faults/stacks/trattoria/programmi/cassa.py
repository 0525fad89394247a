"""The till: writes an order into Kafka with every POST, and answers 503 where that does not work."""

import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kafka import KafkaProducer
from kafka.errors import KafkaError

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("kafka").setLevel(logging.WARNING)
log = logging.getLogger("cassa")
serratura = threading.Lock()
aperto = None


def produttore():
    global aperto
    with serratura:
        if aperto is None:
            aperto = KafkaProducer(
                bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(","),
                value_serializer=lambda ordine: json.dumps(ordine).encode(),
                max_block_ms=3000,
            )
        return aperto


class Cassa(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rispondi(200, "aperta\n")

    def do_POST(self):
        ordine = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            scritto = produttore().send(os.environ["ARGOMENTO_ORDINI"], ordine).get(timeout=4)
        except KafkaError as errore:
            log.error("ordine rifiutato: %r", errore)
            return self.rispondi(503, "riprovi più tardi\n")
        return self.rispondi(202, f"{scritto.partition}/{scritto.offset}\n")

    def rispondi(self, stato, testo):
        corpo = testo.encode()
        self.send_response(stato)
        self.send_header("Content-Length", str(len(corpo)))
        self.end_headers()
        self.wfile.write(corpo)

    def log_message(self, *_):
        pass


log.info("cassa aperta sulla porta %s", os.environ["PORTA"])
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORTA"])), Cassa).serve_forever()
