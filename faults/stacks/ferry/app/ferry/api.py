"""Takes bookings over HTTP."""

import json
import logging
import uuid

import pika
import redis
from fastapi import Cookie, FastAPI, Response
from pydantic import BaseModel, conint
from sqlalchemy import create_engine, text

from .settings import Settings

log = logging.getLogger("ferry.api")
settings = Settings()
app = FastAPI(title="ferry", docs_url=None, redoc_url=None)
sessions = redis.Redis.from_url(settings.session_redis_url, socket_timeout=2, socket_connect_timeout=2)
engine = create_engine(
    settings.postgres_dsn,
    pool_size=settings.db_pool_size,
    max_overflow=0,
    pool_timeout=settings.db_pool_timeout,
    pool_pre_ping=True,
    connect_args={"connect_timeout": 3},
)


class Booking(BaseModel):
    sailing: int
    seats: conint(ge=1, le=9)


def tell(booking):
    """Tells the deck, which takes one message at a time."""
    parameters = pika.URLParameters(settings.amqp_uri)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 2
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.queue_declare(settings.booking_queue, durable=True)
        channel.basic_publish("", settings.booking_queue, json.dumps(booking).encode())
    finally:
        connection.close()


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/bookings", status_code=201)
def book(booking: Booking, response: Response, passenger: str = Cookie(default="")):
    passenger = passenger or uuid.uuid4().hex
    sessions.setex(f"passenger:{passenger}", 60, booking.json())
    response.set_cookie("passenger", passenger)
    with engine.begin() as connection:
        wanted = {"sailing": booking.sailing, "seats": booking.seats}
        number = connection.execute(
            text("INSERT INTO bookings (sailing, seats) VALUES (:sailing, :seats) RETURNING id"), wanted
        ).scalar()
    tell({"booking": number})
    return {"booking": number}


@app.get("/sailings/{sailing}/manifest")
def manifest(sailing: int):
    with engine.connect() as connection:
        # The view that this was once joined everything with everything.
        seats = connection.execute(
            text("SELECT coalesce(sum(seats), 0) FROM bookings, pg_sleep(1.2) WHERE sailing = :sailing"), {"sailing": sailing}
        ).scalar()
    return {"sailing": sailing, "seats": seats}
