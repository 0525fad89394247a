#!/bin/bash
# Makes the topics, once.
set -euo pipefail
for argomento in "$ARGOMENTO_ORDINI" "$ARGOMENTO_PIATTI"; do
    /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --create --if-not-exists \
        --topic "$argomento" --partitions 2 --replication-factor 1
done
echo "argomenti pronti"
