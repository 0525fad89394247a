#!/usr/bin/env python3
"""Brings stacks up with Docker Compose and writes down what the engine shows of them: see README.md.

usage: record.py COMPOSE [STACK…]

COMPOSE is the program docker-compose. The engine is the one at DOCKER_HOST, and has the images `bowline-test/…`.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = "adopted"
OUTSIDE = "adopted-outside"
BUILT = "adopted-image"
BUSY = "bowline-test/busy:1"
SOCKET = os.environ["DOCKER_HOST"].removeprefix("unix://")
# Says nothing about how a container was made.
NOISE = {
    "AppArmorProfile", "Args", "AttachStderr", "AttachStdin", "AttachStdout", "Bridge", "ConsoleSize", "ContainerConfig",
    "DockerVersion", "EndpointID", "ExecIDs", "GraphDriver", "HostnamePath", "HostsPath", "LogPath", "MaskedPaths",
    "Metadata", "MountLabel", "Parent", "Path", "ProcessLabel", "ReadonlyPaths", "ResolvConfPath", "RootFS",
    "SandboxID", "SandboxKey", "VirtualSize",
}
# Means something where it is empty.
MEANT = {"Cmd", "Entrypoint", "ExitCode", "Init", "MemorySwappiness", "OomKillDisable", "PidsLimit", "StopTimeout"}
# What hangs below these has names that users gave, which mean something where nothing is behind them.
NAMED = {
    "Containers", "ExposedPorts", "Labels", "Networks", "Options", "PortBindings", "Ports", "Sysctls", "Tmpfs", "Volumes",
}


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def ask(method, path, body=None):
    engine = Engine("engine")
    headers = {"Content-Type": "application/json"}
    engine.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = engine.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
    return json.loads(text) if text.strip() else None


def get(path, **filters):
    return ask("GET", f"{path}?{urllib.parse.urlencode({'all': 'true', 'filters': json.dumps(filters)})}")


def without_noise(value, parent=""):
    """Leaves out what is empty, and what says nothing."""
    if isinstance(value, list):
        return [without_noise(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_noise(one, key) for key, one in value.items() if key not in NOISE}

    def says_something(key, one):
        return one is not None and (one not in ("", 0, False, [], {}) or key in MEANT or parent in NAMED)

    return {key: one for key, one in kept.items() if says_something(key, one)}


def observed():
    """Everything of the project, and everything outside that it names."""
    label = [f"com.docker.compose.project={PROJECT}"]
    name = [f"^/?{OUTSIDE}$"]

    def found(path):
        both = get(path, label=label), get(path, name=name)
        return [one for answer in both for one in (answer["Volumes"] or [] if path == "/volumes" else answer)]

    containers = [ask("GET", f"/containers/{one['Id']}/json") for one in found("/containers/json")]
    containers.sort(key=lambda one: one["Name"])
    networks = sorted(found("/networks"), key=lambda one: one["Name"])
    volumes = sorted(found("/volumes"), key=lambda one: one["Name"])
    images = {}
    for container in containers:
        name = container["Config"]["Image"]
        images[name] = ask("GET", f"/images/{urllib.parse.quote(name, safe='')}/json")
    version = ask("GET", "/version")
    return {
        "version": {key: version[key] for key in ("Version", "ApiVersion", "MinAPIVersion", "Os", "Arch")},
        "containers": [without_noise(one) for one in containers],
        "networks": [without_noise(one) for one in networks],
        "volumes": [without_noise(one) for one in volumes],
        "images": {name: without_noise(one) for name, one in sorted(images.items())},
    }


def record(compose, stack):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE / stack, folder, dirs_exist_ok=True)
        Path(folder, "engine.json").unlink(missing_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "DOCKER_HOST": os.environ["DOCKER_HOST"]}

        def run(*words, **more):
            return subprocess.run([compose, *words], cwd=folder, env=environment, check=True, **more)

        ask("POST", f"/images/{urllib.parse.quote(BUSY, safe='')}/tag?repo={BUILT}&tag=1")
        run("--file", HERE / "outside.yaml", "up", "--detach")
        try:
            # Not `--wait`: that takes a job that ends for a failure.
            run("up", "--detach")
            while b"starting" in run("ps", "--format", "{{.Health}}", stdout=subprocess.PIPE).stdout:
                time.sleep(0.2)
            text = json.dumps(observed(), indent=1, sort_keys=True)
        finally:
            run("down", "--volumes", "--timeout", "0")
            run("--file", HERE / "outside.yaml", "down", "--volumes")
            ask("DELETE", f"/images/{BUILT}:1")
    text = text.replace(folder, "$FOLDER").replace(str(HERE), "$STACKS")
    (HERE / stack / "engine.json").write_text(text + "\n")


if len(sys.argv) < 2:
    raise SystemExit(__doc__)
for stack in sys.argv[2:] or sorted(path.parent.name for path in HERE.glob("*/compose.yaml")):
    print(f"== {stack}")
    record(sys.argv[1], stack)
