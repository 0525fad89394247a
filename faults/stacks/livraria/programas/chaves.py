"""Fetches a token for each account that has none yet. Clients keep theirs for as long as it is good."""

import json
import os
import pathlib
import sys
import urllib.request

for nome, senha in json.loads(pathlib.Path(os.environ["ACCOUNTS_FILE"]).read_text()).items():
    ficheiro = pathlib.Path("/chaves", nome)
    if ficheiro.exists():
        print(f"{nome} tem a sua chave")
        continue
    pedido = json.dumps({"cliente": nome, "senha": senha}).encode()
    with urllib.request.urlopen(sys.argv[1], pedido, timeout=4) as resposta:
        ficheiro.write_text(json.load(resposta)["token"])
    print(f"{nome} recebeu uma chave")
