"""The whole gateway in this process, on memory adapters, with real sockets: what face tests talk to."""

import asyncio
import os
import socket
import threading
from pathlib import Path

import boto3
import msgspec
from botocore import UNSIGNED
from botocore.config import Config

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.sealing_aead.sealing import AeadSealing
from zotplus.adapters.zot.discovery import MissingUpstream
from zotplus.app.composition import Engines, servers, services
from zotplus.domain.principals import PrincipalKind
from zotplus.gateway.head import Listener
from zotplus.settings import Settings, load

ADMIN = ("ADMINACCESSKEY00", "admin-secret-admin-secret")


class Recorder:
    """Telemetry that keeps what it is told."""

    def __init__(self):
        self.finished = []

    def begin(self, request_id, headers):
        pass

    def finish(self, finished):
        self.finished.append(finished)

    def answered(self, headers, finished):
        self.finished.append(finished)

    def answered_together(self, answered):
        self.finished += answered
        return [""] * len(answered)


class Gateway:
    """A running gateway; ``url`` is the main port, ``s3_url`` the S3 port, ``run`` executes a coroutine in its loop."""

    def __init__(self, settings: Settings, parts: Engines):
        self.settings = settings
        self.parts = parts
        self.services = services(settings, parts)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers = self.run(self._made())
        ports = {}
        for listener in Listener:
            listening = socket.create_server(("127.0.0.1", 0))
            listening.setblocking(False)
            ports[listener] = listening.getsockname()[1]
            self.run(self._servers[listener].start(listening))
        self.url = f"http://127.0.0.1:{ports[Listener.MAIN]}"
        self.s3_url = f"http://127.0.0.1:{ports[Listener.S3]}"
        self.port, self.s3_port = ports[Listener.MAIN], ports[Listener.S3]
        self.access_key, self.secret = ADMIN
        self._clients = []
        self.run(self.services.access.ensure_administrator(*ADMIN))

    async def _made(self):
        return servers(self.settings, self.parts)

    def finished(self):
        """What was told of requests so far, plain ones included, which are told of a moment later."""

        async def tell():
            for server in self._servers.values():
                server._lane.tell()

        self.run(tell())
        return self.parts.telemetry.finished

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def key(self, *grants, name="somebody"):
        """A new access key with ``grants`` of (role, pattern): (id, secret)."""
        made = self.run(self.services.access.create(kind=PrincipalKind.KEY, name=name))
        for role, pattern in grants:
            self.run(self.services.grants.give(made.credential.id, role, pattern))
        return made.credential.id, made.secret

    def client(self, service="s3", *, at="s3", key=ADMIN, **config):
        """A boto3 client as ``client_of`` makes it, closed with the gateway.

        ``at`` is "s3" (its port), "main" (``/s3`` of the main port), "iam" or "sts".
        """
        addresses = {"s3": self.s3_url, "main": f"{self.url}/s3"}
        made = client_of(service, addresses.get(at, f"{self.url}/{at}"), key, **config)
        self._clients.append(made)
        return made

    def stop(self):
        for client in self._clients:
            client.close()
        for server in self._servers.values():
            self.run(server.drain(2))
        self.run(self.parts.close())
        self.run(_finish_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def client_of(service, endpoint, key, **config):
    """A boto3 client that asks once; ``key`` is (id, secret), the credentials of a session, or None for nobody."""
    plain = {"retries": {"max_attempts": 1}, "s3": {"addressing_style": "path"}, "region_name": "us-east-1"}
    if key is None:
        plain["signature_version"] = UNSIGNED
    elif isinstance(key, dict):
        key = (key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    keys = dict(zip(names, key or (), strict=False))
    return boto3.client(service, endpoint_url=endpoint, config=Config(**{**plain, **config}), **keys)


async def _finish_tasks():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def memory_engines(**changes) -> Engines:
    telemetry = Recorder()
    parts = {
        "store": KeyValueMemory(),
        "blobs": BlobsMemory(),
        "sealing": AeadSealing([os.urandom(32)]),
        "upstream": MissingUpstream(),
        "telemetry": telemetry,
        "exposition": lambda: ("text/plain", b""),
    }
    return Engines(**{**parts, **changes})


def settings_for(folder: Path, **changes) -> Settings:
    settings = load(None, {"ZOTPLUS_DATA_DIR": str(folder)})
    return msgspec.structs.replace(settings, **changes)


def start(folder: Path, *, settings: Settings | None = None, **parts) -> Gateway:
    """A gateway on memory adapters; ``parts`` replaces some."""
    return Gateway(settings or settings_for(folder), memory_engines(**parts))
