"""The clerk: puts his seal on every document that a workflow hands him."""

import asyncio
import hashlib
import logging
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from dossier import Enregistrer

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s - %(message)s")
log = logging.getLogger("commis")


@activity.defn(name="sceller")
def sceller(piece: str) -> str:
    return hashlib.sha256(f"{os.environ['GREFFIER']} {piece}".encode()).hexdigest()


async def vivre():
    while True:
        pathlib.Path("/tmp/vivant").touch()
        await asyncio.sleep(2)


async def travailler():
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    file = os.environ["FILE_DES_TACHES"]
    with ThreadPoolExecutor(4) as mains:
        commis = Worker(
            client,
            task_queue=file,
            workflows=[Enregistrer],
            activities=[sceller],
            activity_executor=mains,
            graceful_shutdown_timeout=timedelta(seconds=1),
        )
        log.info("au travail, file %s", file)
        battement = asyncio.create_task(vivre())
        try:
            await commis.run()
        finally:
            battement.cancel()


asyncio.run(travailler())
