"""The S3 face over memory adapters without a socket: requests go into the real pipeline, replies come out as values."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from multidict import CIMultiDict, CIMultiDictProxy

from tests.faces.gateway import memory_engines, settings_for
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.app.composition import services
from zotplus.app.identities import identities
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.principals import PrincipalKind
from zotplus.domain.signatures.sigv4_canonical import SignedRequest
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, presign_url, sign_headers
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.pipeline import Pipeline
from zotplus.gateway.plain import Origin, PlainRequest, read_plain
from zotplus.gateway.reply import Reply, Stored, field_lines
from zotplus.gateway.route import PlainRead, PlainWrite
from zotplus.protocols.s3.face import S3Face
from zotplus.protocols.s3.request import Site
from zotplus.services.identity.roles import Role
from zotplus.services.plain import Plain
from zotplus.services.values import Slice

REGION = "us-east-1"
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
ADMIN = SigningCredentials(access_key="AKADMIN", secret_key="admin-secret-admin-secret")
NOBODY = SigningCredentials(access_key="AKNOBODY", secret_key="nobody-secret-nobody-secret")
READER = SigningCredentials(access_key="AKREADER", secret_key="reader-secret-reader-secret")
UNSIGNED = None


class Body:
    """A request's body that remembers whether anybody asked for it."""

    def __init__(self, data: bytes, *, length: int | None = None, piece: int = 65_536) -> None:
        self._data = data
        self.length = len(data) if length is None else length
        self._piece = piece
        self.was_read = False

    async def chunks(self) -> AsyncIterator[bytes]:
        self.was_read = True
        for start in range(0, len(self._data), self._piece):
            yield self._data[start : start + self._piece]
        if self.length != len(self._data):
            raise Problem(errors.BODY_INCOMPLETE)

    async def read(self, limit: int) -> bytes:
        self.was_read = True
        if len(self._data) > limit:
            raise Problem(errors.BODY_TOO_LARGE)
        return self._data


@dataclass(kw_only=True)
class Call:
    """A request to be made. ``path`` is raw and without the face's prefix; ``signed`` None sends no credential."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    signed: SigningCredentials | None = ADMIN
    payload: str | None = None
    now: float | None = None
    host: str = "s3.test"
    listener: Listener = Listener.S3


def bytes_of(head: RequestHead) -> bytes:
    """A head as a client sends it."""
    target = f"{head.raw_path}?{head.raw_query}" if head.raw_query else head.raw_path
    lines = [name + b": " + value for name, value in head.raw_headers]
    return b"\r\n".join([f"{head.method} {target} HTTP/1.1".encode(), *lines, b"", b""])


@dataclass(kw_only=True)
class Answer:
    """A reply, and what the request left behind."""

    reply: Reply
    body_was_read: bool
    blobs: BlobsMemory
    fault: str | None

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict(self.reply.headers)
        if self.reply.length is not None:
            headers["Content-Length"] = str(self.reply.length)
        return headers

    @property
    def body(self) -> bytes:
        body = self.reply.body
        if isinstance(body, Stored):
            return b"".join([self._piece(piece) for piece in body.slices])
        assert isinstance(body, bytes)
        return body

    def _piece(self, piece: Slice) -> bytes:
        content, start, stop = self.blobs.blobs[piece.digest].content, piece.offset, piece.offset + piece.length
        if piece.opener is None:
            return content[start:stop]
        offset, length = piece.opener.stored_run(start, stop)
        return b"".join(piece.opener.open_run(content[offset : offset + length], start, stop))

    @property
    def xml(self) -> ET.Element:
        return ET.fromstring(self.body)  # noqa: S314 - our own output

    @property
    def code(self) -> str:
        """S3's error code, empty where there is none."""
        return (self.xml.findtext("Code") or "") if self.body.startswith(b"<?xml") else ""

    def text(self, path: str) -> str | None:
        return self.xml.findtext("/".join(NAMESPACE + name for name in path.split("/")))

    def texts(self, path: str) -> list[str]:
        return [found.text or "" for found in self.xml.findall("/".join(NAMESPACE + name for name in path.split("/")))]


class Stage:
    """One gateway with the S3 face only. The prefix is ``/s3`` for ``Listener.MAIN``, else empty."""

    def __init__(self, *, domain: str | None = None, allow_signature_v2: bool = False) -> None:
        self.store, self.blobs = KeyValueMemory(), BlobsMemory()
        self.answered_plainly = 0
        self.ahead = 0.0  # seconds by which the clock of credentials runs ahead
        parts = memory_engines(store=self.store, blobs=self.blobs)
        settings = settings_for(Path("unused"))
        # Nothing is written below the folder: all stores are in memory.
        everything = services(settings, parts)
        known = identities(settings, self.store, parts.sealing, parts.verifier, lambda: time.time() + self.ahead)
        self.services = replace(
            everything,
            access=known.access,
            callers=known.callers,
            grants=known.grants,
            plain=Plain(self.store, known.access),
        )

        def site(prefix: str) -> Site:
            return Site(prefix=prefix, domain=domain, region=REGION)

        self.faces = {
            Listener.MAIN: S3Face(site("/s3"), allow_signature_v2=allow_signature_v2),
            Listener.S3: S3Face(site(""), allow_signature_v2=allow_signature_v2),
        }
        self.pipeline = Pipeline(lambda head: self.faces[head.listener], self.services)

    async def prepare(self) -> "Stage":
        """Create the three users; the administrator may everything, the reader reads ``public-bucket``."""
        access = self.services.access
        for user in (ADMIN, NOBODY, READER):
            await access.create(
                kind=PrincipalKind.KEY, name=user.access_key, id_=user.access_key, secret=user.secret_key
            )
        await self.services.grants.give(ADMIN.access_key, Role.ADMINISTRATOR, "*")
        return self

    def head(self, call: Call) -> RequestHead:
        prefix = "/s3" if call.listener is Listener.MAIN else ""
        raw_path = prefix + call.path
        headers = CIMultiDict({"Host": call.host, **call.headers})
        if call.body or call.method in ("PUT", "POST"):
            headers.setdefault("Content-Length", str(len(call.body)))
        if call.signed is not None:
            request = SignedRequest(
                method=call.method, raw_path=raw_path, raw_query=call.query, headers=PlainHeaders(headers.items())
            )
            payload = call.payload or "UNSIGNED-PAYLOAD"
            headers.update(sign_headers(request, call.signed, payload_hash=payload, now=call.now or time.time()))
        elif call.payload is not None:
            headers["x-amz-content-sha256"] = call.payload
        return RequestHead(
            method=call.method,
            raw_path=raw_path,
            raw_query=call.query,
            headers=CIMultiDictProxy(headers),
            peer="127.0.0.1",
            scheme="http",
            host=call.host,
            listener=call.listener,
            raw_headers=tuple(
                [(name.encode(), value.encode(errors="surrogateescape")) for name, value in headers.items()]
            ),
        )

    def check_plainly(self, head: RequestHead, reply: Reply) -> None:
        """What is read plainly is answered as it is by the way of all other requests, whatever is tested here."""
        plain = self.read_plainly(head)
        if plain is None:
            return
        self.answered_plainly += 1
        assert (200, plain.lines) == (reply.status, field_lines(reply.headers))
        assert (plain.content, plain.length) == (reply.body, reply.length)

    def plain_request(self, head: RequestHead, content: bytes = b"") -> PlainRequest | None:
        """The bytes of this head, with ``content`` behind it, where they are a plain request."""
        request = read_plain(bytes_of(head) + content, Origin(head.peer, head.scheme, head.tls_version))
        if request is not None:
            request.listener = head.listener
        return request

    def read_plainly(self, head: RequestHead) -> PlainRead | None:
        """What answers the bytes of this head where they are read plainly."""
        request = self.plain_request(head)
        return None if request is None else self.pipeline.answer_plainly(self.faces[head.listener], [request])[0]

    def write_plainly(self, request: PlainRequest) -> PlainWrite | None:
        """What the request writes where it is a plain write, begun only."""
        if request.method != "PUT":
            return None
        return self.pipeline.begin_plainly(self.faces[request.listener], request)

    async def send(self, head: RequestHead, body: Body) -> Answer:
        context = self.pipeline.open(head, body)
        reply = await self.pipeline.respond(context)
        self.check_plainly(head, reply)
        fault = context.fault.code if context.fault is not None else None
        return Answer(reply=reply, body_was_read=body.was_read, blobs=self.blobs, fault=fault)

    async def call(self, call: Call) -> Answer:
        return await self.send(self.head(call), Body(call.body))

    async def ask(self, method: str, path: str, **options) -> Answer:
        return await self.call(Call(method=method, path=path, **options))

    async def passing(self, role: Role) -> SigningCredentials:
        """An access key that ends in 1,000 seconds, with ``role`` on the bucket ``bucket``."""
        user = SigningCredentials(access_key="AKSHORT", secret_key="short-secret-short-secret")
        expires = time.time() + 1000
        await self.services.access.create(
            kind=PrincipalKind.KEY, name="short", id_=user.access_key, secret=user.secret_key, expires=expires
        )
        await self.services.grants.give(user.access_key, role, "s3:bucket")
        return user

    async def put(self, key: str, content: bytes = b"content", **options) -> Answer:
        return await self.ask("PUT", f"/bucket/{quote(key)}", body=content, **options)

    async def presigned(self, method: str, path: str, *, user: SigningCredentials = ADMIN, **options) -> RequestHead:
        """The head of a request by a presigned link; ``expires`` and ``now`` in seconds, ``query`` to be signed."""
        headers = {"host": "s3.test"}
        request = SignedRequest(
            method=method, raw_path=path, raw_query=options.get("query", ""), headers=PlainHeaders(headers.items())
        )
        url = presign_url(request, user, expires=options.get("expires", 300), now=options.get("now", time.time()))
        return RequestHead(
            method=method,
            raw_path=path,
            raw_query=url.partition("?")[2],
            headers=CIMultiDictProxy(CIMultiDict({"Host": "s3.test", **options.get("headers", {})})),
            peer="127.0.0.1",
            scheme="http",
            host="s3.test",
            listener=Listener.S3,
        )

    def objects_stored(self) -> int:
        """How many blobs there are, finished or not."""
        return len(self.blobs.blobs) + len(self.blobs.unfinished)
