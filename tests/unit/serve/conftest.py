"""A supervisor with stub workers, as real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUB = Path(__file__).with_name("stub_server.py")
PATIENCE = 60


def wait_for(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def lives(process):
    """Whether a process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


class Server:
    """A started supervisor; ``notes`` are what its children wrote about themselves."""

    def __init__(self, folder, **variables):
        self.folder = folder
        merged = {
            "ZOTPLUS_HTTP__PORT": "0",
            "ZOTPLUS_S3__PORT": "0",
            "ZOTPLUS_WORKERS": "2",
            "ZOTPLUS_UPSTREAM__MANAGED": "false",
        }
        arguments = [f"{name}={value}" for name, value in (merged | variables).items()]
        self.output = (folder / "stdout").open("ab")
        self.log = (folder / "stderr").open("ab")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ZOTPLUS_")}
        self.process = subprocess.Popen(
            [sys.executable, STUB, folder, *arguments], stdout=self.output, stderr=self.log, env=environ
        )

    def note(self, name):
        try:
            return json.loads((self.folder / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def process_of(self, name, other_than=None):
        """The process id of ``name`` once it runs (as another process than before)."""
        return wait_for(lambda: (n := self.note(name)) and n["process"] != other_than and n["process"])

    def ready(self):
        for name in ("worker-0", "worker-1", "janitor"):
            self.process_of(name)
        return self

    @property
    def address(self):
        url = json.loads((self.folder / "data/run/server.json").read_text())["addresses"]["main"]
        return ("127.0.0.1", int(url.rpartition(":")[2]))

    def ask(self):
        """The name and process of the worker that took a new connection."""
        with socket.create_connection(self.address, timeout=PATIENCE) as connection, connection.makefile() as lines:
            name, process = lines.readline().split()
            return name, int(process)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def ended(self):
        return self.process.wait(PATIENCE)

    @property
    def said(self):
        return (self.folder / "stdout").read_text()

    @property
    def events(self):
        lines = (self.folder / "stderr").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def start(tmp_path):
    servers = []

    def begin(folder=None, **variables):
        folder = folder or tmp_path
        servers.append(Server(folder, **variables))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        server.output.close()
        server.log.close()
