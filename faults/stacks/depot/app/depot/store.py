"""The parcels in the database."""

import psycopg2

from depot import settings


def connect():
    """Opens a connection in which every statement stands for itself."""
    connection = psycopg2.connect(**settings.database())
    connection.autocommit = True
    return connection


def ask(statement, *values):
    """Asks once, on a connection of its own, and returns the first row."""
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


def add(label):
    """Takes a parcel in and returns its number."""
    return ask("INSERT INTO parcels (label) VALUES (%s) RETURNING id", label)[0]


def waiting():
    """Counts the parcels that nobody has sent on yet."""
    return ask("SELECT count(*) FROM parcels WHERE NOT sent")[0]


def send_one():
    """Sends the oldest parcel on, and returns its number, or nothing."""
    row = ask(
        "UPDATE parcels SET sent = true WHERE id = (SELECT id FROM parcels WHERE NOT sent"
        " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
    )
    return row and row[0]
