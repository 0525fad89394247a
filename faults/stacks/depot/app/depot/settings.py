"""What the environment says."""

import os
import signal

PORT = int(os.environ["PORT"])


def database():
    """Returns how the database is reached."""
    return {
        "host": os.environ["DATABASE_HOST"],
        "user": os.environ["DATABASE_USER"],
        "password": os.environ["DATABASE_PASSWORD"],
        "dbname": os.environ["DATABASE_NAME"],
        "connect_timeout": 5,
    }


# The first process of a container hears no signal that it does not ask for.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
