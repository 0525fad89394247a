"""The kitchen: makes a dish of every order. A Kafka that is away is no reason to stop."""

import json
import logging
import os
import pathlib
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("kafka").setLevel(logging.WARNING)
log = logging.getLogger("cucina")
server = os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(",")


def cucina():
    consumatore = KafkaConsumer(
        os.environ["ARGOMENTO_ORDINI"],
        bootstrap_servers=server,
        group_id=os.environ["GRUPPO"],
        auto_offset_reset="earliest",
        value_deserializer=json.loads,
    )
    produttore = KafkaProducer(bootstrap_servers=server, max_block_ms=3000)
    log.info("fornelli accesi")
    piatti = 0
    while True:
        for messaggi in consumatore.poll(timeout_ms=1000).values():
            for messaggio in messaggi:
                piatto = json.dumps({**messaggio.value, "pronto": time.time()}).encode()
                produttore.send(os.environ["ARGOMENTO_PIATTI"], piatto).get(timeout=4)
                piatti += 1
                if piatti % 30 == 0:
                    log.info("%s piatti pronti", piatti)
        pathlib.Path("/tmp/vivo").touch()


while True:
    try:
        cucina()
    except KafkaError as errore:
        log.error("Kafka non risponde, riprovo tra 3 s: %r", errore)
        pathlib.Path("/tmp/vivo").touch()
        time.sleep(3)
