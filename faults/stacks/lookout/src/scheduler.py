"""Counts the events of each hour, and takes away what is old in the archive."""

import logging
import os
import subprocess
import time
from pathlib import Path

import database

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-8s %(name)s: %(message)s")
log = logging.getLogger("lookout.scheduler")

ROLLUP = """
REPLACE INTO hourly (hour, source, events)
SELECT DATE_FORMAT(received, '%Y-%m-%d %H:00:00'), source, COUNT(*)
FROM events WHERE received > NOW() - INTERVAL 2 HOUR GROUP BY 1, 2
"""


def rollup():
    with database.cursor() as cursor:
        cursor.execute(ROLLUP)


def prune():
    subprocess.run(["find", os.environ["ARCHIVE_DIR"], "-name", "*.ndjson", "-mmin", "+30", "-delete"])


log.info("scheduler started")
while True:
    for job in (rollup, prune):
        try:
            job()
        except Exception:
            log.exception('Job "%s" raised an exception', job.__name__)
    Path("/tmp/alive").touch()
    time.sleep(float(os.environ["ROLLUP_SECONDS"]))
