"""The real server as real processes: ``zotplus serve`` without an upstream, on free ports."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.faces.serving.holding import holding

PROGRAM = Path(sys.executable).with_name("zotplus")
ACCESS_KEY, SECRET_KEY = "ADMINACCESSKEY00", "admin-secret-admin-secret"
PATIENCE = 60


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Server:
    """A running ``zotplus serve``."""

    def __init__(self, folder, **variables):
        self.data = folder / "data"
        self.log_path = folder / "log"
        self._log = self.log_path.open("ab")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ZOTPLUS_")} | {
            "ZOTPLUS_DATA_DIR": str(self.data),
            "ZOTPLUS_HTTP__ADDRESS": "127.0.0.1",
            "ZOTPLUS_HTTP__PORT": "0",
            "ZOTPLUS_S3__PORT": "0",
            "ZOTPLUS_WORKERS": "2",
            "ZOTPLUS_UPSTREAM__MANAGED": "false",
            "ZOTPLUS_ADMIN__ACCESS_KEY": ACCESS_KEY,
            "ZOTPLUS_ADMIN__SECRET_KEY": SECRET_KEY,
            **variables,
        }
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [PROGRAM, "serve"], stdout=subprocess.PIPE, stderr=self._log, env=environ, text=True
        )

    @property
    def urls(self):
        path = self.data / "run/server.json"

        def read():
            try:
                state = json.loads(path.read_text())
            except FileNotFoundError:
                assert self.process.poll() is None, self.log_path.read_text()
                return None
            return state["process"] == self.process.pid and state["addresses"]

        return wait_for(read)

    def get(self, path, context=None):
        """Status and body."""
        try:
            with urllib.request.urlopen(self.urls["main"] + path, timeout=PATIENCE, context=context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()

    def ready(self):
        """Wait for the first answer; seconds since the start."""
        assert self.get("/health/ready")[0] == 200
        self.seconds = time.monotonic() - self.started
        return self

    def ready_with(self, context):
        """As ``ready``, over TLS."""
        assert self.get("/health/ready", context)[0] == 200
        return self

    @property
    def s3(self):
        return boto3.client(
            "s3",
            endpoint_url=self.urls["s3"],
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(signature_version="s3v4", retries={"max_attempts": 5}),
        )

    @property
    def events(self):
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]

    def processes(self, prefix):
        """Process ids of the children whose names begin with ``prefix``, in the order of their starts."""
        started = [event for event in self.events if event["event"] == "process_started"]
        return [event["process_id"] for event in started if event["name"].startswith(prefix)]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()
        self._log.close()


@pytest.fixture
def launch(tmp_path):
    servers = []

    def begin(**variables):
        servers.append(Server(tmp_path, **variables))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


@pytest.fixture
def held(tmp_path, monkeypatch):
    """A gateway whose store can be held."""
    with holding(tmp_path, monkeypatch) as found:
        yield found
