"""Starting the gateway and the registries behind it as processes of their own, and ending exactly those."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools.peers import find, why_missing

ADMIN_KEY = "PEERSADMINKEY001"
ADMIN_SECRET = "peers-admin-secret-0123456789abcdef"
READY_SECONDS = 60


def need(name: str) -> str:
    """The path of a program; skips the test, with the reason, where it cannot be had."""
    found = find(name)
    if found is None:
        pytest.skip(why_missing(name))
    return str(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(method: str, url: str, *, headers=None, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """One request; a refusal is an answer like any other. Redirects are not followed."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, dict(refusal.headers), refusal.read()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass
class Running:
    """A process that was started here, and where it answers."""

    process: subprocess.Popen
    url: str
    log: Path

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


def start(
    argv: list[str], url: str, folder: Path, *, ready: str, environment: dict[str, str], seconds: float = READY_SECONDS
) -> Running:
    """Run ``argv`` until it answers at ``ready``, for ``seconds`` at most."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **environment}, cwd=folder
        )
    running = Running(process, url, log)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"{argv[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            if call("GET", url + ready)[0] == 200:
                return running
        except OSError:
            pass
        time.sleep(0.1)  # polls for readiness, hides no race
    running.stop()
    raise AssertionError(f"{argv[0]} was not ready in {seconds} s: {log.read_text()[-2000:]}")


def start_registry(folder: Path) -> Running:
    """The CNCF registry."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'storage'}}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    argv = [need("registry"), "serve", str(config)]
    return start(argv, f"http://127.0.0.1:{port}", folder, ready="/v2/", environment=quiet)


def start_zot(folder: Path, *, dedupe: bool = False) -> Running:
    """Stock Zot without authentication, as it runs beside a gateway."""
    port = free_port()
    config = folder / "zot.json"
    document = {
        "distSpecVersion": "1.1.1",
        "storage": {"rootDirectory": str(folder / "storage"), "dedupe": dedupe, "gc": False},
        "http": {
            "address": "127.0.0.1",
            "port": str(port),
            "compat": ["docker2s2"],
            "readTimeout": "0s",
            "writeTimeout": "0s",
        },
        "log": {"level": "error"},
    }
    config.write_text(json.dumps(document))
    argv = [need("zot"), "serve", str(config)]
    return start(argv, f"http://127.0.0.1:{port}", folder, ready="/v2/", environment={})


@dataclass
class PeerGateway:
    """The whole gateway as processes. ``users`` are (key id, secret) by name."""

    running: Running
    s3_port: int
    data: Path
    users: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def api(self, method: str, path: str, document: object = None) -> dict:
        headers = {**basic(ADMIN_KEY, ADMIN_SECRET), "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        status, _, answer = call(method, f"{self.url}/api/v1{path}", headers=headers, body=body)
        assert status < 300, answer
        return json.loads(answer) if answer else {}

    def add_user(self, name: str, *grants: tuple[str, str]) -> tuple[str, str]:
        made = self.api("POST", "/keys", {"name": name})
        for role, pattern in grants:
            self.grant(made["id"], role, pattern)
        self.users[name] = made["id"], made["secret"]
        return self.users[name]

    def grant(self, grantee: str, role: str, pattern: str) -> None:
        self.api("POST", "/grants", {"grantee": grantee, "role": role, "pattern": pattern})

    def ask(self, method: str, path: str, user: str | None = None, *, headers=None, body: bytes | None = None):
        credentials = basic(*self.users[user]) if user else {}
        return call(method, self.url + path, headers={**credentials, **(headers or {})}, body=body)

    def worker_memory(self) -> dict[int, int]:
        """Highest resident size in bytes of every process of the gateway, by process id."""
        found, waiting = {}, [self.running.process.pid]
        while waiting:
            pid = waiting.pop()
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            waiting += [int(child) for child in children]
            status = Path(f"/proc/{pid}/status").read_text()
            found[pid] = 1024 * int(status.partition("VmHWM:")[2].split()[0])
        return found


def start_gateway(folder: Path, upstream_url: str | None, *, workers: int = 2, **settings: str) -> PeerGateway:
    """``zotplus serve`` in front of ``upstream_url``; None means without any upstream."""
    port, s3_port = free_port(), free_port()
    environment = {
        "ZOTPLUS_DATA_DIR": str(folder / "data"),
        "ZOTPLUS_HTTP__PORT": str(port),
        "ZOTPLUS_HTTP__ADDRESS": "127.0.0.1",
        "ZOTPLUS_S3__PORT": str(s3_port),
        "ZOTPLUS_ADMIN__ACCESS_KEY": ADMIN_KEY,
        "ZOTPLUS_ADMIN__SECRET_KEY": ADMIN_SECRET,
        "ZOTPLUS_WORKERS": str(workers),
        **settings,
    }
    if upstream_url is None:
        environment["ZOTPLUS_UPSTREAM__MANAGED"] = "false"
    else:
        environment["ZOTPLUS_UPSTREAM__URL"] = upstream_url
    program = Path(sys.executable).with_name("zotplus")
    ready = "/health/ready" if upstream_url else "/health/live"
    running = start([str(program), "serve"], f"http://127.0.0.1:{port}", folder, ready=ready, environment=environment)
    return PeerGateway(running, s3_port, folder / "data")
