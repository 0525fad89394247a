"""Asks the program of this container whether it is well, and shows its answer."""

import http.client
import sys

ligacao = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=3)
ligacao.request("GET", "/saude")
resposta = ligacao.getresponse()
print(resposta.status, resposta.read().decode().strip())
sys.exit(resposta.status != 200)
