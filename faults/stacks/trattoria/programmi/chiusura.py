"""Counts the dishes that were made until now, and ends."""

import os

from kafka import KafkaConsumer, TopicPartition

argomento = os.environ["ARGOMENTO_PIATTI"]
consumatore = KafkaConsumer(
    bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(","),
    group_id=os.environ["GRUPPO"],
    enable_auto_commit=False,
)
partizioni = [TopicPartition(argomento, numero) for numero in consumatore.partitions_for_topic(argomento) or ()]
if not partizioni:
    raise SystemExit(f"non c'è nessun argomento {argomento}")
consumatore.assign(partizioni)
for partizione in partizioni:
    consumatore.seek(partizione, consumatore.committed(partizione) or 0)
fine = consumatore.end_offsets(partizioni)
piatti = 0
while any(consumatore.position(partizione) < fine[partizione] for partizione in partizioni):
    piatti += sum(len(messaggi) for messaggi in consumatore.poll(timeout_ms=1000).values())
consumatore.commit()
consumatore.close()
print(f"chiusura: {piatti} piatti")
