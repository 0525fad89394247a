"""Asks the server of this container whether it is up."""

import urllib.request

urllib.request.urlopen("http://127.0.0.1:5000/up", timeout=3)
