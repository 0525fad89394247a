#!/bin/bash
# Sends a reading every so often, and keeps those that nobody took.
kept=0 pause=$EVERY
while :; do
    if said=$(timeout 5 mosquitto_pub -h "$MQTT_BROKER" -p "$MQTT_PORT" -u "$MQTT_USERNAME" -P "$MQTT_PASSWORD" \
        -q 1 -t "$TOPIC_PREFIX/$HOSTNAME/celsius" -m "$((RANDOM % 60 + 10))" 2>&1); then
        kept=0 pause=$EVERY
    else
        kept=$((kept + 1))
        echo "$HOSTNAME keeps $kept readings: ${said//$'\n'/ }"
        ((pause < 4)) && pause=$((pause * 2))
    fi
    sleep "$pause"
done
