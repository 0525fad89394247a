"""What the programs of the ferry are told by their environment."""

import json
import logging.config
import pathlib

from pydantic import AmqpDsn, BaseSettings, PostgresDsn, RedisDsn


class Settings(BaseSettings):
    postgres_dsn: PostgresDsn
    amqp_uri: AmqpDsn
    session_redis_url: RedisDsn
    booking_queue: str
    db_pool_size: int = 5
    db_pool_timeout: float = 3


def speak_json():
    logging.config.dictConfig(json.loads(pathlib.Path("logging.json").read_text()))
