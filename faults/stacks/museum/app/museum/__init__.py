"""The pieces of a museum, and its office."""

import json
import logging
import os
import time

import click
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError


class Json(logging.Formatter):
    def format(self, record):
        line = {"ts": self.formatTime(record), "severity": record.levelname, "logger": record.name, "msg": record.getMessage()}
        if record.exc_info:
            line["exc"] = self.formatException(record.exc_info)
        return json.dumps(line)


handler = logging.StreamHandler()
handler.setFormatter(Json())
logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
log = logging.getLogger("museum")

app = Flask(__name__)
engine = create_engine(
    os.environ["SQLALCHEMY_DATABASE_URI"],
    pool_size=int(os.environ["SQLALCHEMY_POOL_SIZE"]),
    max_overflow=0,
    pool_timeout=2,
    pool_pre_ping=True,
    connect_args={"connect_timeout": 3},
)


def warm_up():
    """Opens every connection of the pool at once, so that no request has to."""
    opened = []
    while len(opened) < int(os.environ["SQLALCHEMY_POOL_SIZE"]):
        try:
            opened.append(engine.connect())
        except SQLAlchemyError as error:
            if not opened:
                time.sleep(0.5)
                continue
            log.info("pool is warm, as far as that goes: %s", type(error).__name__)
            break
    for connection in opened:
        connection.close()


@app.get("/up")
def up():
    return "up\n"


@app.get("/pieces")
def pieces():
    with engine.begin() as connection:
        count = connection.execute(text("SELECT count(*) FROM pieces")).scalar()
    return f"{count} pieces\n"


@app.get("/office")
def office():
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tickets () VALUES ()"))
    return "one ticket\n"


@app.cli.command("init-db")
def init_db():
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS pieces (id INT PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE IF NOT EXISTS tickets (id INT AUTO_INCREMENT PRIMARY KEY)"))
        connection.execute(text("INSERT IGNORE INTO pieces VALUES (1), (2), (3)"))
    click.echo("tables are there")
