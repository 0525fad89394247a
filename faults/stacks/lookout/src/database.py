import os

import pymysql

from settings import secret

_link = None


def cursor():
    """A cursor of the one connection that this program has."""
    global _link
    if _link is None:
        _link = pymysql.connect(
            host=os.environ["DB_HOST"],
            port=int(os.environ["DB_PORT"]),
            user=os.environ["DB_USER"],
            password=secret("DB_PASSWORD"),
            database=os.environ["DB_NAME"],
            connect_timeout=3,
            read_timeout=10,
            autocommit=True,
        )
    _link.ping(reconnect=True)
    return _link.cursor()
