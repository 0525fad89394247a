"""Knows every book, and takes its time to find one."""

import time

from casa import Servidor, serve


class Arquivo(Servidor):
    def do_GET(self):
        if self.path == "/saude":
            return self.responde(200, {"status": "ok"})
        time.sleep(0.1)
        self.responde(200, f"livro {self.path[1:]} ".encode() * 4000)


serve(Arquivo)
