"""Marks what was sold as reconciled, every few seconds, and has a report made by a process of its own."""

import argparse
import pathlib
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pymysql

worte = argparse.ArgumentParser()
worte.add_argument("--datenbank")
worte.add_argument("--kennwort")
worte.add_argument("--pause", type=float)
worte.add_argument("--bericht-mib", type=int)
worte = worte.parse_args()
REPORT = "import sys; seiten = bytearray(int(sys.argv[1]) << 20); print(len(seiten) > 0)"


def verbunden():
    ziel = urlsplit(worte.datenbank)
    return pymysql.connect(
        host=ziel.hostname, port=ziel.port or 3306, user=ziel.username, password=worte.kennwort or ziel.password or "",
        database=ziel.path.lstrip("/"), connect_timeout=3, autocommit=True,
    )


def gleiche_ab():
    base = verbunden()
    try:
        with base.cursor() as zeiger:
            return zeiger.execute("UPDATE verkauft SET abgeglichen = TRUE WHERE NOT abgeglichen")
    finally:
        base.close()


seit = 0
while True:
    try:
        gleiche_ab()
        seit = 0
        pathlib.Path("/tmp/abgeglichen").touch()
        ende = subprocess.run([sys.executable, "-c", REPORT, str(worte.bericht_mib)], stdout=subprocess.DEVNULL).returncode
        if ende:
            print(f"Tagesbericht unvollständig, Status {ende}")
    except (pymysql.MySQLError, OSError, ValueError) as fehler:
        seit += 1
        if seit in (1, 4) or seit % 20 == 0:
            print(f"Abgleich verschoben ({seit}. Mal): {fehler}")
    time.sleep(worte.pause)
