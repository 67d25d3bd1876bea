"""``zotplus serve`` as processes that can be killed: all of them at once, or one of its children."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.crash.client import ACCESS_KEY, SECRET_KEY, Client, Unreachable

NURSERY = Path(__file__).with_name("nursery.py")
PATIENCE = 90


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)  # polls for a state, hides no race


class Server:
    """A server over ``data``, to be started; after ``kill_all`` or ``stop`` once more, on the same data."""

    def __init__(self, data: Path, **variables: str) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self._variables = {
            "ZOTPLUS_DATA_DIR": str(data),
            "ZOTPLUS_HTTP__ADDRESS": "127.0.0.1",
            "ZOTPLUS_HTTP__PORT": "0",
            "ZOTPLUS_S3__PORT": "0",
            "ZOTPLUS_WORKERS": "2",
            "ZOTPLUS_UPSTREAM__MANAGED": "false",
            "ZOTPLUS_ADMIN__ACCESS_KEY": ACCESS_KEY,
            "ZOTPLUS_ADMIN__SECRET_KEY": SECRET_KEY,
            **variables,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZOTPLUS_")}
        self._nursery = subprocess.Popen(
            [sys.executable, NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=inherited, text=True
        )
        self._clients: list[Client] = []
        self.process = 0
        self.address: tuple[str, int] = ("", 0)

    def start(self) -> None:
        request = {"variables": self._variables, "log": str(self.log)}
        self._nursery.stdin.write(json.dumps(request) + "\n")
        self._nursery.stdin.flush()
        self.process = int(self._nursery.stdout.readline())
        self.urls = wait_for(self._announced)
        host, _, port = self.urls["s3"].removeprefix("http://").partition(":")
        self.address = (host, int(port))
        wait_for(self._answers)

    def _announced(self):
        assert _lives(self.process), self.log.read_text()[-3000:]
        try:
            state = json.loads((self.data / "run/server.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return state["addresses"] if state["process"] == self.process else None

    def _answers(self):
        client = self.client()
        try:
            return client.send("GET", "/").status == 200
        except Unreachable:
            return False
        finally:
            client.close()

    def client(self) -> Client:
        """A new connection, closed with the server at the latest."""
        self._clients.append(Client(self))
        return self._clients[-1]

    def children(self) -> list[int]:
        """Process ids of workers and janitor."""
        pid = self.process
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_all(self) -> None:
        """SIGKILL to every process of the server at once; returns when all of them are gone."""
        group = self.process
        os.killpg(group, signal.SIGKILL)
        self._ended()
        wait_for(lambda: not _lives(group))

    def stop(self) -> int:
        """End it as an operator does; the exit code."""
        os.kill(self.process, signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        self.process = 0
        return int(self._nursery.stdout.readline())

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process and _lives(self.process):
            self.kill_all()
        self._nursery.communicate()


def _lives(group: int) -> bool:
    """Whether a process of ``group`` runs; zombies do not, unless they have threads, which keep its files open."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and (fields[0] not in "ZX" or len(list((process / "task").iterdir())) > 1):
                return True
        except OSError:  # ended meanwhile
            continue
    return False
