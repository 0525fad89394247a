"""The counter: has a workflow opened for every document, and says whether it is done with one."""

import asyncio
import logging
import os
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s - %(message)s")
log = logging.getLogger("guichet")
attribut = SearchAttributeKey.for_keyword(os.environ["ATTRIBUT"])
boucle = asyncio.new_event_loop()
client = None


async def temporal():
    global client
    if client is None:
        client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    return client


async def ouvrir(numero, piece):
    await (await temporal()).start_workflow(
        "Enregistrer",
        piece,
        id=f"dossier-{numero}",
        task_queue=os.environ["FILE_DES_TACHES"],
        execution_timeout=timedelta(minutes=5),
        search_attributes=TypedSearchAttributes([SearchAttributePair(attribut, "Lyon")]),
        rpc_timeout=timedelta(seconds=4),
    )


async def est_clos(numero):
    dossier = (await temporal()).get_workflow_handle(f"dossier-{numero}")
    return (await dossier.describe(rpc_timeout=timedelta(seconds=4))).status == WorkflowExecutionStatus.COMPLETED


def attendre(demande):
    return asyncio.run_coroutine_threadsafe(demande, boucle).result(timeout=8)


class Guichet(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/":
            return self.repondre(200, "ouvert\n")
        try:
            clos = attendre(est_clos(self.path.rpartition("/")[2]))
        except Exception:
            clos = False
        return self.repondre(200, "enregistré\n") if clos else self.repondre(404, "pas au registre\n")

    def do_POST(self):
        numero = self.path.rpartition("/")[2]
        piece = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            attendre(ouvrir(numero, piece))
        except Exception as erreur:
            log.error("pièce %s refusée: %s: %s", numero, type(erreur).__name__, erreur)
            return self.repondre(503, "guichet fermé\n")
        return self.repondre(201, "déposé\n")

    def repondre(self, statut, texte):
        corps = texte.encode()
        self.send_response(statut)
        self.send_header("Content-Length", str(len(corps)))
        self.end_headers()
        self.wfile.write(corps)

    def log_message(self, *_):
        pass


threading.Thread(target=boucle.run_forever, daemon=True).start()
log.info("guichet ouvert")
ThreadingHTTPServer(("0.0.0.0", 8000), Guichet).serve_forever()
