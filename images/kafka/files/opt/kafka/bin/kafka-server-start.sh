#!/bin/bash
export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G}
export KAFKA_LOG4J_OPTS=${KAFKA_LOG4J_OPTS:--Dlog4j.configuration=file:/opt/kafka/config/log4j.properties -Dkafka.root.level=${KAFKA_LOG4J_ROOT_LOGLEVEL:-INFO}}
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka "$@"
