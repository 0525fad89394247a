# Programs that are started again and again would compile all of it each time.
python3 -m compileall -q /usr/local/lib/python3.11/dist-packages
