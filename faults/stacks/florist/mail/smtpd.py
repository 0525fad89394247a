"""A small SMTP server: takes mail from those who are in its accounts, and keeps the last hundred."""

import base64
import collections
import hmac
import logging
import os
import socketserver
import uuid

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("mail.log")
kept = collections.deque(maxlen=100)
accounts = {}
with open(os.environ["SMTPD_ACCOUNTS"], encoding="utf-8") as lines:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            user, _, password = line.strip().partition(":")
            accounts[user] = password


class Session(socketserver.StreamRequestHandler):
    timeout = 30

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def login(self, words):
        try:
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        except (IndexError, ValueError):
            return False
        return hmac.compare_digest(accounts.get(user, "").encode(), password.encode()) and user in accounts

    def handle(self):
        known = False
        self.say("220 mail ESMTP")
        while line := self.rfile.readline(2000):
            words = line.decode(errors="replace").split()
            verb = words[0].upper() if words else ""
            if verb == "EHLO":
                self.say("250-mail\r\n250-AUTH PLAIN\r\n250 8BITMIME")
            elif verb == "AUTH":
                known = self.login(words)
                if not known:
                    log.warning("%r AUTH PLAIN: authentication failed", self.client_address)
                self.say("235 2.7.0 Authentication successful" if known else "535 5.7.8 Authentication credentials invalid")
            elif verb == "QUIT":
                self.say("221 2.0.0 Bye")
                return
            elif verb in ("HELO", "NOOP", "RSET"):
                self.say("250 2.0.0 OK")
            elif not known:
                self.say("530 5.7.0 Authentication required")
            elif verb in ("MAIL", "RCPT"):
                self.say("250 2.1.0 OK")
            elif verb == "DATA":
                self.say("354 End data with <CR><LF>.<CR><LF>")
                text = []
                while (piece := self.rfile.readline(2000)) and piece != b".\r\n":
                    text.append(piece)
                kept.append(b"".join(text))
                self.say(f"250 2.0.0 OK: queued as {uuid.uuid4().hex[:10].upper()}")
            else:
                self.say("500 5.5.2 Error: command not recognized")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("0.0.0.0", int(os.environ["SMTPD_PORT"])), Session) as server:
    log.info("listening on port %s, %s accounts", os.environ["SMTPD_PORT"], len(accounts))
    server.serve_forever()
