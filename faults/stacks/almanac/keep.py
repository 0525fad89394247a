"""Copies a SQLite file every few seconds, and keeps the last three copies."""

import os
import pathlib
import sqlite3
import time

source, destination = os.environ["SOURCE"], pathlib.Path(os.environ["DESTINATION"])
while True:
    try:
        target = destination / f"days-{int(time.time())}.db"
        with sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=2) as there, sqlite3.connect(target) as here:
            there.backup(here)
        for old in sorted(destination.glob("days-*.db"))[:-3]:
            old.unlink()
        print("kept", target.name, flush=True)
    except sqlite3.Error as error:
        print("not kept:", error, flush=True)
    time.sleep(float(os.environ["EVERY_SECONDS"]))
