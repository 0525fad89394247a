"""Takes readings from MQTT and puts them into Redis, as its YAML file says; JSON on the output."""

import argparse
import datetime
import json
import time

import paho.mqtt.client as mqtt
import redis
import yaml

words = argparse.ArgumentParser()
words.add_argument("--config", default="/etc/ingest/config.yaml")
with open(words.parse_args().config) as file:
    settings = yaml.safe_load(file)


def tell(severity, message, **fields):
    stamp = datetime.datetime.utcnow().isoformat(timespec="milliseconds") + "Z"
    print(json.dumps({"time": stamp, "severity": severity, "message": message, **fields}), flush=True)


sink = redis.Redis.from_url(settings["sink"]["url"], socket_timeout=3, socket_connect_timeout=3)


def connected(client, _data, _flags, code):
    if code:
        tell("WARNING", "session refused", rc=code, meaning=mqtt.connack_string(code))
        return
    tell("INFO", "session open", topics=settings["mqtt"]["topics"])
    for topic in settings["mqtt"]["topics"]:
        client.subscribe(topic, qos=1)


def taken(_client, _data, reading):
    try:
        sink.setex("reading:" + reading.topic, 5, reading.payload)
    except redis.RedisError as error:
        tell("WARNING", "reading lost", topic=reading.topic, cause=str(error))


client = mqtt.Client()
client.username_pw_set(settings["mqtt"]["credentials"]["user"], settings["mqtt"]["credentials"]["password"])
client.on_connect = connected
client.on_message = taken
client.reconnect_delay_set(1, 4)
pause = 1
while True:
    try:
        client.connect(settings["mqtt"]["host"], settings["mqtt"]["port"], keepalive=10)
        break
    except OSError as error:
        tell("WARNING", "no session yet", retry_in=pause, cause=f"{error.__class__.__name__}: {error}")
        time.sleep(pause)
        pause = min(pause * 2, 4)
client.loop_forever(retry_first_connection=True)
