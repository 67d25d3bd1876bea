"""A fresh gateway for the suite."""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT = 30  # seconds; a busy machine takes a few
CALL_TIMEOUT = 60  # seconds for one request of ours


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A gateway that runs: its addresses (``endpoint`` is S3's), an administrator's key, and its settings."""

    main: str
    endpoint: str
    access_key: str
    secret_key: str
    settings: dict[str, str]

    def ask(self, method: str, path: str, key: tuple[str, str] | None = None) -> Any:
        """Return what the API answers to ``key``, the administrator's by default. Raises ``HTTPError``."""
        pair = key or (self.access_key, self.secret_key)
        secret = base64.b64encode(":".join(pair).encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - an address on this machine that we made
            f"{self.main}/api/v1{path}", method=method, headers={"Authorization": f"Basic {secret}"}
        )
        with urllib.request.urlopen(request, timeout=CALL_TIMEOUT) as answer:  # noqa: S310 - as above
            body = answer.read()
        return json.loads(body) if body else None


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """Start a gateway on free ports with its data in ``folder``, and end it. Raises ``TimeoutError``."""
    main, s3 = _free_ports(2)
    access_key, secret_key = "FULLFLOWADMIN", secrets.token_hex(20)
    settings = {
        "ZOTPLUS_DATA_DIR": str(folder / "data"),
        "ZOTPLUS_HTTP__PORT": str(main),
        "ZOTPLUS_S3__PORT": str(s3),
        "ZOTPLUS_ADMIN__ACCESS_KEY": access_key,
        "ZOTPLUS_ADMIN__SECRET_KEY": secret_key,
    }
    program = str(Path(sys.executable).with_name("zotplus"))
    with (folder / "gateway.log").open("w") as log:
        environment = {**os.environ, **settings}
        process = subprocess.Popen([program, "serve"], env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            _await_live(f"http://127.0.0.1:{main}/health/live", process)
            yield Gateway(
                main=f"http://127.0.0.1:{main}",
                endpoint=f"http://127.0.0.1:{s3}",
                access_key=access_key,
                secret_key=secret_key,
                settings=settings,
            )
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _await_live(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - an address on this machine that we made
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"the gateway does not answer on {address}")
