"""Issues tokens to those who have an account, for a quarter of a year."""

import hmac
import json
import os
import pathlib
import time

import jwt

from casa import Servidor, diz, segredo, serve

contas = json.loads(pathlib.Path(os.environ["ACCOUNTS_FILE"]).read_text())
chave = segredo()


class Emissor(Servidor):
    def do_GET(self):
        self.responde(200, {"status": "ok"})

    def do_POST(self):
        pedido = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        nome = pedido["cliente"]
        if not hmac.compare_digest(contas.get(nome, "").encode(), pedido["senha"].encode()):
            diz("aviso", f"{nome}: senha errada")
            return self.responde(403, {"erro": "senha errada"})
        agora = int(time.time())
        inscricao = {"sub": nome, "iat": agora, "nbf": agora, "exp": agora + 90 * 86400}
        token = jwt.encode(inscricao, chave, algorithm="HS256")
        diz("info", f"token para {nome}")
        self.responde(200, {"token": token})


serve(Emissor)
