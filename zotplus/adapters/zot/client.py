"""The ``Upstream`` port over HTTP: requests stream up and answers stream down with flat memory."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from zotplus.adapters.zot.bodies import ReceivedBody, SentBody, broken, drop, read_whole
from zotplus.adapters.zot.head import HEAD_MAX_BYTES, end_to_end
from zotplus.adapters.zot.product import blob_target, identify, links_on_demand, ping
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.adapters.zot.sockets import BlobSockets
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import Headers, UpstreamReply, UpstreamRequest, UpstreamStatus

READ_BUFFER_BYTES = 1 << 20
"""Large reads keep the cost per byte low: 64 KiB reads reached half of this throughput when measured."""

SMALL_BODY_BYTES = 1 << 20
"""An answer to a request whose body was not wanted to the end is read up to this size: it is an error document."""

STATUS_SECONDS = 30.0
"""How long an identification holds. The product decides whether blobs are guarded, so it is never trusted for long."""

TraceHeaders: TypeAlias = Callable[[], Mapping[str, str]]
"""``traceparent`` and ``tracestate`` for the task that asks; empty when it takes part in no trace."""

_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
_BODILESS = frozenset({204, 304})
_LOOKUPS = frozenset({"GET", "HEAD", "DELETE"})
_NOT_MODIFIED = 304
_OK = 200


class HttpUpstream:
    """A registry at ``url`` (``http://host:port``). ``links`` False: it is known never to link blobs on demand.

    ``trace`` gives the headers of the trace that the request at hand belongs to; they replace the client's own.
    """

    def __init__(
        self, url: str, settings: UpstreamSettings, *, links: bool = True, trace: TraceHeaders | None = None
    ) -> None:
        self._trace = trace
        self._base = url.rstrip("/")
        self._settings = settings
        self._links = links
        self._session: aiohttp.ClientSession | None = None
        self._status: tuple[float, UpstreamStatus] | None = None
        parts = urlsplit(self._base)
        self._sockets: BlobSockets | None = None
        if parts.scheme == "http" and parts.hostname:
            self._sockets = BlobSockets(
                parts.hostname,
                parts.port or 80,
                connect_timeout=settings.connect_timeout,
                answer_timeout=settings.answer_timeout,
                keep=settings.pooled_connections,
            )

    def require(self) -> None:
        """An address is configured."""

    async def exchange(self, request: UpstreamRequest) -> UpstreamReply:
        """Send one request; see ``Upstream.exchange``."""
        request = self._traced(request)
        body = self._sent_body(request)
        try:
            async with asyncio.timeout(self._patience(request)) as limit:
                if body is not None:
                    body.limit = limit
                response = await self._open(request, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            if body is not None and body.problem is not None:
                raise body.problem from failure
            self._status = None
            raise broken(failure) from failure
        try:
            return await self._reply(request, response, early=body is not None and not body.complete)
        finally:
            if body is not None:
                body.give_up()

    async def open_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """GET a blob; see ``Upstream.open_blob``."""
        if _has(request.headers, "range") and (refusal := await self._not_held(request)) is not None:
            return refusal
        raw = await self._sockets.get(self._traced(request)) if self._sockets is not None else None
        if raw is None:
            return await self.exchange(request)
        reply = UpstreamReply(status=raw.head.status, headers=(), body=raw.body, length=raw.head.length)
        try:
            return msgspec.structs.replace(reply, headers=_checked(raw.head.status, raw.head.headers))
        except Problem:
            await drop(reply)
            raise

    async def head_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """HEAD a blob without linking it; see ``Upstream.head_blob``."""
        refusal = await self._not_held(request)
        if refusal is None:
            return await self.exchange(request)
        return msgspec.structs.replace(refusal, body=b"")

    async def holds_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob; see ``Upstream.holds_blob``."""
        probe = UpstreamRequest(method="GET", target=blob_target(repository, digest))
        return await self._not_held(probe, always=True) is None

    async def status(self) -> UpstreamStatus:
        """What the upstream is, as of the last half minute."""
        now = time.monotonic()
        if self._status is None or self._status[0] < now - STATUS_SECONDS:
            self._status = now, await identify(self._ask)
        return self._status[1]

    async def check(self) -> None:
        """Whether it answers now; see ``Upstream.check``."""
        await ping(self._ask)

    async def close(self) -> None:
        """Close all connections."""
        if self._sockets is not None:
            self._sockets.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _patience(self, request: UpstreamRequest) -> float:
        """Seconds for the answer to begin: what looks something up is quick, what ends an upload may hash a layer."""
        return self._settings.answer_timeout if request.method in _LOOKUPS else self._settings.idle_timeout

    def _traced(self, request: UpstreamRequest) -> UpstreamRequest:
        """``request`` as part of the trace at hand. Spec: W3C Trace Context, 3.4 (a new parent, the same trace)."""
        trace = self._trace() if self._trace is not None else None
        if not trace:
            return request
        kept = [field for field in request.headers if field[0].lower() not in _TRACE_HEADERS]
        return msgspec.structs.replace(request, headers=(*kept, *trace.items()))

    async def _not_held(self, request: UpstreamRequest, *, always: bool = False) -> UpstreamReply | None:
        """The refusal when the repository does not hold the blob at ``request``'s target, None when it does.

        Zot with ``dedupe`` on links a blob that any repository holds into the one that is asked, by HEAD, by a GET with
        a Range and by a mount (``CheckBlob`` in its image store). A GET without a Range looks only at the repository
        itself, so it goes first; its body is not read.
        """
        if not always and not await self._may_link():
            return None
        headers = tuple((name, value) for name, value in request.headers if name.lower() == "user-agent")
        probe = UpstreamRequest(method="GET", target=request.target, headers=headers)
        reply = await self.exchange(probe)
        if reply.status == _OK:
            await drop(reply)
            return None
        body = await read_whole(reply, HEAD_MAX_BYTES)
        return UpstreamReply(status=reply.status, headers=reply.headers, body=body, length=len(body))

    async def _may_link(self) -> bool:
        return self._links and links_on_demand((await self.status()).product)

    async def _ask(self, target: str) -> UpstreamReply:
        reply = await self.exchange(UpstreamRequest(method="GET", target=target))
        return msgspec.structs.replace(reply, body=await read_whole(reply, SMALL_BODY_BYTES))

    def _sent_body(self, request: UpstreamRequest) -> SentBody | None:
        if request.body is None or isinstance(request.body, bytes):
            return None
        length = next((int(value) for name, value in request.headers if name.lower() == "content-length"), None)
        return SentBody(request.body, length, self._settings.idle_timeout)

    async def _open(self, request: UpstreamRequest, body: SentBody | None) -> aiohttp.ClientResponse:
        """Send head and body, and read the head of the answer."""
        return await self._connected().request(
            request.method,
            URL(self._base + request.target, encoded=True),
            headers=list(request.headers),
            data=request.body if body is None else body,
            allow_redirects=False,
        )

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the server limits how many requests are under way
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._settings.connect_timeout, sock_read=self._settings.idle_timeout
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=READ_BUFFER_BYTES,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                max_field_size=HEAD_MAX_BYTES,
            )
        return self._session

    async def _reply(self, request: UpstreamRequest, response: aiohttp.ClientResponse, *, early: bool) -> UpstreamReply:
        """The answer to ``request``; ``early`` says that it came before all of the request was sent."""
        fields = tuple(
            (name.decode("ascii", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in response.raw_headers
        )
        length = response.content_length
        reply = UpstreamReply(status=response.status, headers=(), body=ReceivedBody(response), length=length)
        try:
            reply = msgspec.structs.replace(reply, headers=_checked(response.status, fields))
        except Problem:
            await drop(reply)
            raise
        if request.method == "HEAD" or response.status in _BODILESS:
            await drop(reply)
            return msgspec.structs.replace(reply, body=b"")
        if early or (length is not None and length <= HEAD_MAX_BYTES):
            # a small answer costs less read at once, and an early one must not outlive the request
            whole = await read_whole(reply, SMALL_BODY_BYTES)
            return msgspec.structs.replace(reply, body=whole, length=len(whole))
        return reply


def _checked(status: int, fields: Headers) -> Headers:
    """The headers that go on. Raises ``UPSTREAM_FAILED`` for an answer that no client may see."""
    if status >= 500:  # noqa: PLR2004 - RFC 9110 15.6
        raise Problem(errors.UPSTREAM_FAILED, f"The registry answered with {status}.", upstream_status=status)
    if status == 401:  # noqa: PLR2004 - RFC 9110 15.5.2
        detail = "The registry asks the gateway for credentials; it has to run without authentication, out of reach."
        raise Problem(errors.UPSTREAM_FAILED, detail)
    if 300 <= status < 400 and status != _NOT_MODIFIED:  # noqa: PLR2004 - RFC 9110 15.4
        detail = "The registry redirects elsewhere, past the gateway; switch its blob redirection off."
        raise Problem(errors.UPSTREAM_FAILED, detail)
    return tuple(
        (name, _own_path(value) if name.lower() == "location" else value) for name, value in end_to_end(fields)
    )


def _own_path(location: str) -> str:
    """``location`` as path and query: the upstream's own address means nothing to a client.

    The CNCF registry writes absolute ones. Raises ``UPSTREAM_FAILED`` for one that leaves the distribution API.
    """
    try:
        parts = urlsplit(location)
    except ValueError as failure:
        raise Problem(errors.UPSTREAM_FAILED, "The registry sent a Location that cannot be read.") from failure
    if not parts.path.startswith("/v2/"):
        raise Problem(errors.UPSTREAM_FAILED, "The registry sent a Location outside /v2/.")
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _has(headers: Headers, name: str) -> bool:
    return any(field.lower() == name for field, _ in headers)
