"""A gateway on real sockets whose store can be held, so that plain writes wait for as long as a test wants."""

import asyncio
import contextlib
import socket
import threading
import time

from tests.faces.gateway import start
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, sign_headers
from zotplus.gateway.head import Listener
from zotplus.gateway.pipeline import Pipeline

PATIENCE = 10
MOST_QUEUED = 32  # requests that wait on one connection before aiohttp reads no further


class HeldStore(KeyValueMemory):
    """A store whose changes wait while it is held; ``arrived`` says that one does."""

    def __init__(self):
        super().__init__()
        self.arrived = threading.Event()
        self.free = asyncio.Event()
        self.free.set()

    async def write(self, function):
        if not self.free.is_set():
            self.arrived.set()
            await self.free.wait()
        return await super().write(function)


class Client:
    """One connection to the S3 listener."""

    def __init__(self, held):
        self._held = held
        self.socket = socket.create_connection(("127.0.0.1", held.gateway.s3_port), timeout=PATIENCE)
        self._answers = self.socket.makefile("rb")

    def send(self, *data):
        self.socket.sendall(b"".join(data))

    def answer(self):
        """Status, headers by their lower-case names, and body of the next answer."""
        status = int(self._answers.readline().split()[1])
        headers = {}
        while line := self._answers.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        return status, headers, self._answers.read(int(headers.get("content-length", 0)))

    def rest(self):
        """All that comes until the server closes."""
        return self._answers.read()

    def is_at_end(self):
        return self.rest() == b""

    def close(self):
        self._answers.close()
        self.socket.close()


class Held:
    """A gateway over a held store, its connections, and the ways that requests took."""

    def __init__(self, gateway, store):
        self.gateway, self.store = gateway, store
        self.server = gateway._servers[Listener.S3]
        self.ways = []
        self.faults = []
        self.clients = []
        gateway._loop.set_exception_handler(lambda _, what: self.faults.append(what))

    def connect(self):
        self.clients.append(Client(self))
        return self.clients[-1]

    def request(self, method, path, body=b"", *, version="1.1", headers=(), key=None, payload="UNSIGNED-PAYLOAD"):
        """The bytes of a request signed with ``key`` (id, secret), or the administrator's: its head, and its body."""
        host = f"127.0.0.1:{self.gateway.s3_port}"
        request = SignedRequest(
            method=method, raw_path=path, raw_query="", headers=PlainHeaders([("host", host), *headers])
        )
        access_key, secret = key or (self.gateway.access_key, self.gateway.secret)
        credentials = SigningCredentials(access_key=access_key, secret_key=secret)
        added = sign_headers(request, credentials, payload_hash=payload, now=time.time())
        named = [("Host", host), *headers, *added.items()]
        if method == "PUT":
            named.append(("Content-Length", str(len(body))))
        lines = "".join([f"{name}: {value}\r\n" for name, value in named])
        return f"{method} {path} HTTP/{version}\r\n{lines}\r\n".encode(), body

    def put(self, key, body=b"content", **options):
        return b"".join(self.request("PUT", f"/bucket/{key}", body, **options))

    def get(self, key, headers=()):
        return b"".join(self.request("GET", f"/bucket/{key}", headers=headers))

    def run(self, function):
        """Call ``function`` in the gateway's loop."""

        async def call():
            return function()

        return self.gateway.run(call())

    def until(self, condition):
        """Let the gateway's loop turn until ``condition`` holds."""

        async def turn():
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
                    await asyncio.sleep(0)

        self.gateway.run(turn())

    def hold(self):
        """From now on changes wait."""
        self.store.arrived.clear()
        self.run(self.store.free.clear)

    def release(self):
        self.run(self.store.free.set)

    def until_pending(self):
        """Wait until a plain write waits for the store; its connection."""
        assert self.store.arrived.wait(PATIENCE)
        assert self.ways[-1] == "plainly"
        (connection,) = [one for one in self.server._protocols.connections if one.is_busy]
        return connection

    def connection_of(self, client):
        """The server's side of a client's connection."""
        name = client.socket.getsockname()
        (found,) = [one for one in self.server._protocols.connections if one.peername == name]
        return found

    def finished(self):
        return [entry.operation for entry in self.gateway.finished()]


@contextlib.contextmanager
def holding(folder, patch):
    """A gateway in ``folder`` with a bucket, until the end of the block."""
    store = HeldStore()
    gateway = start(folder, store=store)
    made = Held(gateway, store)
    respond, begin_plainly = Pipeline.respond, Pipeline.begin_plainly

    def responding(pipeline, context):
        made.ways.append("usually")
        return respond(pipeline, context)

    def beginning(pipeline, face, request):
        begun = begin_plainly(pipeline, face, request)
        if begun is not None:
            made.ways.append("plainly")
        return begun

    patch.setattr(Pipeline, "respond", responding)
    patch.setattr(Pipeline, "begin_plainly", beginning)
    client = made.connect()
    client.send(*made.request("PUT", "/bucket"))
    assert client.answer()[0] == 200
    made.until(lambda: not made.server._running.count)
    made.ways.clear()
    gateway.finished().clear()
    yield made
    made.release()
    for client in made.clients:
        client.close()
    gateway.stop()
    assert made.faults == []
