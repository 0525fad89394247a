"""Asks the server of this container whether it is up. Stands alone, so that it is quick."""

import http.client
import sys

link = http.client.HTTPConnection("127.0.0.1", 5000, timeout=4)
link.request("GET", "/up")
sys.exit(link.getresponse().status != 200)
