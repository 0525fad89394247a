"""Asks for the same books again and again. Says when that goes otherwise than before, and whenever it takes long."""

import argparse
import http.client
import os
import pathlib
import ssl
import time
from urllib.parse import urlsplit

palavras = argparse.ArgumentParser()
palavras.add_argument("--livros", type=int)
palavras.add_argument("--pausa", type=float)
palavras = palavras.parse_args()
loja = urlsplit(os.environ["SHOP_URL"])
confia = ssl.create_default_context(cafile=os.environ["CA_FILE"])
nome = os.path.basename(os.environ["TOKEN_FILE"])
cabecalhos = {"Authorization": "Bearer " + pathlib.Path(os.environ["TOKEN_FILE"]).read_text(), "X-Cliente": nome}


def liga():
    if loja.scheme == "https":
        return http.client.HTTPSConnection(loja.hostname, loja.port or 443, timeout=6, context=confia)
    return http.client.HTTPConnection(loja.hostname, loja.port or 80, timeout=6)


def volta():
    """Asks once for each book; says how that went."""
    ligacao = liga()
    try:
        for numero in range(1, palavras.livros + 1):
            ligacao.request("GET", f"/livros/{numero}", headers=cabecalhos)
            resposta = ligacao.getresponse()
            texto = resposta.read()
            if resposta.status != 200:
                return f"livro {numero}: {resposta.status} {texto.decode().strip()}"
    except (OSError, http.client.HTTPException) as falha:
        return f"sem resposta de {loja.netloc}: {falha}"
    finally:
        ligacao.close()
    return "tudo lido"


antes = None
while True:
    inicio = time.monotonic()
    agora = volta()
    demora = time.monotonic() - inicio
    devagar = agora == "tudo lido" and demora > 2
    if devagar:
        print(f"devagar: {palavras.livros} livros em {demora:.1f} s")
    elif agora != antes:
        print(agora)
    antes = agora
    pathlib.Path("/tmp/agora").write_text("devagar" if devagar else agora)
    time.sleep(palavras.pausa)
