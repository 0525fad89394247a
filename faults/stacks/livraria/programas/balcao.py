"""Gives books to those whose token is good: from the cache where it has them, else from the archive."""

import os
import smtplib
import urllib.request

import jwt
import redis

from casa import Servidor, diz, segredo, serve

chave = segredo()
memoria = redis.Redis.from_url(os.environ["CACHE_URL"], socket_timeout=2, socket_connect_timeout=2)
exige = os.environ["HEALTH_REQUIRES"].split(",")


def pede(endereco):
    with urllib.request.urlopen(endereco, timeout=2) as resposta:
        return resposta.read()


def correio():
    if not os.environ["SMTP_HOST"]:
        raise OSError("not configured")
    smtplib.SMTP(os.environ["SMTP_HOST"], timeout=2).quit()


def partes():
    """Says of each part how it is."""
    perguntas = {
        "memoria": memoria.ping,
        "arquivo": lambda: pede(os.environ["ARCHIVE_URL"] + "/saude"),
        "busca": lambda: pede(os.environ["SEARCH_URL"] + "/saude"),
    }
    if "SMTP_HOST" in os.environ:
        perguntas["correio"] = correio
    achadas = {}
    for nome, pergunta in perguntas.items():
        try:
            pergunta()
            achadas[nome] = "ok"
        except (OSError, redis.RedisError) as falha:
            achadas[nome] = str(falha)
    return achadas


def livro(numero):
    texto = memoria.get(f"livro:{numero}")
    if texto is None:
        texto = pede(f"{os.environ['ARCHIVE_URL']}/{numero}")
        memoria.setex(f"livro:{numero}", 3600, texto)
    return texto


class Balcao(Servidor):
    def do_GET(self):
        if self.path == "/saude":
            return self.saude()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            jwt.decode(token, chave, algorithms=["HS256"], leeway=float(os.environ["JWT_LEEWAY"]))
        except jwt.InvalidTokenError as falha:
            diz("aviso", f"401 para {self.headers.get('X-Cliente', '?')}: {falha}")
            return self.responde(401, {"erro": str(falha)})
        try:
            self.responde(200, livro(int(self.path.rpartition("/")[2])))
        except (OSError, redis.RedisError) as falha:
            diz("erro", f"{self.path}: {falha}")
            self.responde(503, {"erro": "volte mais tarde"})

    def saude(self):
        achadas = partes()
        faltam = [nome for nome, estado in achadas.items() if estado != "ok"]
        falha = any(nome in exige for nome in faltam)
        estado = "unavailable" if falha else "degraded" if faltam else "ok"
        self.responde(503 if falha else 200, {"status": estado, "checks": achadas})


serve(Balcao)
