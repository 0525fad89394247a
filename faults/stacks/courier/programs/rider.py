"""Takes parcels as they come. A broker that is away is no reason to stop."""

import os
import pathlib
import time
import tomllib

import pika

settings = tomllib.loads(pathlib.Path(os.environ["RIDER_CONFIG"]).read_text())
broker = settings["broker"]
host, _, port = broker["address"].partition(":")
parameters = pika.ConnectionParameters(
    host, int(port), broker["vhost"], pika.PlainCredentials(broker["login"]["name"], broker["login"]["secret"]),
    socket_timeout=3,
)
pause = 1
while True:
    try:
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=5)
            print("riding", flush=True)
            for method, _, body in channel.consume(settings["work"]["queue"]):
                pause = 1
                if body != b"parcel":
                    print(f"odd parcel {body[:20]!r} put aside: ValueError: no address on it", flush=True)
                    channel.basic_reject(method.delivery_tag, requeue=False)
                    continue
                channel.basic_ack(method.delivery_tag)
                pathlib.Path("/tmp/delivered").touch()
    except (pika.exceptions.AMQPError, OSError) as error:
        detail = " ".join(str(error).split())
        print(f"no luck ({type(error).__name__} {detail}), again in {pause} s", flush=True)
        time.sleep(pause)
        pause = min(2 * pause, 4)
