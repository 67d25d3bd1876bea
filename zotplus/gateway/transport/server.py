"""From aiohttp to the pipeline and back: one listener's requests, with request id, log, metrics, limits and drain."""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.bodies import NO_BODY
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.pipeline import Pipeline, Watch
from zotplus.gateway.plain import NOWHERE, Origin
from zotplus.gateway.reply import Reply
from zotplus.gateway.transport.certificates import NOBODYS, HolderOf
from zotplus.gateway.transport.connection import ConnectionBody, GatewayProtocol, GatewayServer
from zotplus.gateway.transport.plain_lane import PlainLane
from zotplus.gateway.transport.running import Running
from zotplus.gateway.transport.telling import finished, now
from zotplus.gateway.transport.transfer import TransferBrokenError
from zotplus.gateway.transport.wire import Wire, answer_bytes, ends_by_closing
from zotplus.ports.telemetry import Telemetry

log = structlog.get_logger("zotplus.server")

SWEEP_SECONDS = 5.0

_READS = frozenset({"GET", "HEAD"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may cost. Times in seconds."""

    idle_seconds: float = 60.0
    """How long a body or an answer may stand still."""
    head_seconds: float = 15.0
    """How long a client may take to send a head."""
    line_bytes: int = 16_384
    """Longest request or header line."""
    keepalive_seconds: float = 75.0
    """How long a connection without a request is kept; longer than usual proxies keep theirs."""
    linger_seconds: float = 5.0
    """How long what remains of a refused body is read, so that the client sees the refusal."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For, -Proto and -Host are believed."""


class _Sent:
    """What the handler returns to aiohttp: everything is on the wire already."""

    __slots__ = ("keep_alive", "status")

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        self.status = status
        self.keep_alive = keep_alive

    async def prepare(self, _request: web.BaseRequest) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self) -> None:
        """Nothing is left to write."""


class Server:
    """Serves one listening socket."""

    def __init__(
        self, pipeline: Pipeline, wire: Wire, telemetry: Telemetry, listener: Listener, limits: ServerLimits
    ) -> None:
        self._pipeline = pipeline
        self._wire = wire
        self._telemetry = telemetry
        self._listener = listener
        self._limits = limits
        self._running = Running()
        self._lane = PlainLane(pipeline, telemetry, listener, self._running)
        if limits.trusted_proxies:
            self._lane.close()  # they say in headers who the client is
        self._server: asyncio.Server | None = None
        self._protocols = GatewayServer(
            self._handle,  # type: ignore[arg-type] # _Sent is a response by its three attributes
            self._refuse_unread,
            self._answer_at_once,
            self._lane,
            keepalive_timeout=limits.keepalive_seconds,
            lingering_time=limits.linger_seconds,
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
        )
        self._draining = False
        self._sweeper: asyncio.Task[None] | None = None

    async def start(
        self, listening: socket.socket, tls: ssl.SSLContext | None = None, holder_of: HolderOf | None = None
    ) -> None:
        """Accept connections on ``listening``; with TLS, ``holder_of`` says whose client certificate one has."""
        loop = asyncio.get_running_loop()
        self._protocols.holder_of = holder_of
        self._server = await loop.create_server(self._protocols, sock=listening, ssl=tls, backlog=1024)
        self._sweeper = loop.create_task(self._sweep())

    async def drain(self, seconds: float) -> None:
        """Accept nothing new, let what runs finish for up to ``seconds``, then close all connections."""
        self._lane.close()
        self._draining = True
        if self._server is not None:
            self._server.close()
        for connection in self._protocols.connections:
            if isinstance(connection, GatewayProtocol) and connection.is_waiting:
                connection.force_close()
        try:
            async with asyncio.timeout(seconds):
                await self._running.ended()
        except TimeoutError:
            log.warning("drain_incomplete", running=self._running.count)
        self._lane.tell()  # what was answered meanwhile
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._protocols.shutdown(1.0)

    @property
    def callers(self) -> set[str]:
        """See ``Pipeline.callers``; that of all servers of one process."""
        return self._pipeline.callers

    def watch(self, watch: Watch) -> None:
        """Have ``watch`` told of every answered request, of all servers of one process."""
        self._pipeline.watch = watch

    def distrust_certificates(self) -> None:
        """End every connection that a client certificate was shown for, after the request under way."""
        for connection in self._protocols.connections:
            if isinstance(connection, GatewayProtocol):
                connection.distrust_certificate()

    def _refuse_unread(self, problem: Problem, connection: RequestHandler) -> Reply:
        """The answer when nothing of a request is known but the listener, and so the face."""
        head = RequestHead(
            method="GET",
            raw_path="/",
            raw_query="",
            headers=CIMultiDictProxy(CIMultiDict()),
            peer=_origin(connection).peer,
            scheme="http",
            host="",
            listener=self._listener,
        )
        context = self._pipeline.open(head, NO_BODY)
        reply = self._pipeline.refuse(context, problem)
        self._pipeline.told(context, reply, finished(context, reply.status, (0, 0), now()))
        return msgspec.structs.replace(reply, headers=(*reply.headers, _stamp(context)))

    def _answer_at_once(self, message: RawRequestMessage, connection: GatewayProtocol) -> bool:
        """Answer an immediate read inside the connection's callback: no request object, no task, one write.

        The same pipeline decides; what it cannot answer at once goes the usual way, as if nothing had been, and an
        answer that takes long to send goes along.
        """
        transport = connection.transport
        if message.method not in _READS or message.should_close or message.upgrade or "Expect" in message.headers:
            return False
        if self._draining or transport is None or transport.get_write_buffer_size():
            return False
        self._lane.tell()
        context = self._pipeline.open(self._head(message, connection), NO_BODY)
        reply = self._pipeline.respond_at_once(context)
        if reply is None:
            return False
        if not isinstance(reply.body, bytes):
            connection.prepared = (context, reply)
            return False
        answer, sent = answer_bytes(message, reply, _stamp(context))
        # Told before it is sent: the client, who shares these cores or not, is woken by the sending.
        told = finished(context, reply.status, (0, sent), now())
        self._pipeline.told(context, reply, told, self._telemetry.answered(message.headers, told))
        transport.write(answer)
        return True

    async def _handle(self, request: web.BaseRequest) -> _Sent:
        with self._running:
            try:
                return await self._serve(request)
            finally:
                protocol = request.protocol
                if isinstance(protocol, GatewayProtocol):
                    protocol.served()

    async def _serve(self, request: web.BaseRequest) -> _Sent:
        body = ConnectionBody(request, self._limits.idle_seconds)
        context, reply = await self._answered(request, body)
        ending = self._draining or reply.close or body.abandoned or ends_by_closing(request, reply)
        keep_alive = request.keep_alive and not ending
        sent = 0
        try:
            reply, sent, keep_alive = await self._send(request, context, reply, keep_alive=keep_alive)
        finally:
            self._note(context, reply, body.received, sent)
        return _Sent(reply.status, keep_alive=keep_alive)

    async def _answered(self, request: web.BaseRequest, body: ConnectionBody) -> tuple[Context, Reply]:
        connection = request.protocol
        prepared = connection.take_prepared() if isinstance(connection, GatewayProtocol) else None
        context = prepared[0] if prepared else self._pipeline.open(self._head(request._message, connection), body)  # noqa: SLF001 - the raw target; the parsed one is normalised
        self._lane.tell()  # whoever asks what there was finds it
        self._telemetry.begin(context.request_id, context.head.headers)
        if self._draining:
            return context, self._pipeline.refuse(context, Problem(errors.SHUTTING_DOWN))
        return prepared or (context, await self._pipeline.respond(context))

    def _note(self, context: Context, reply: Reply, received: int, sent: int) -> None:
        told, trace = finished(context, reply.status, (received, sent), now()), ""
        try:
            trace = self._telemetry.finish(told)
        except Exception:
            # The answer has been sent: aiohttp would append another one for this fault.
            log.exception("request_not_noted", request_id=context.request_id)
        self._pipeline.told(context, reply, told, trace)

    async def _send(
        self, request: web.BaseRequest, context: Context, reply: Reply, *, keep_alive: bool
    ) -> tuple[Reply, int, bool]:
        """The reply that was sent, bytes of its body, and whether the connection can go on."""
        try:
            try:
                sent = await self._wire.send(request, reply, _stamp(context), keep_alive=keep_alive)
            except Problem as problem:
                log.warning(
                    "content_not_sent", fault=problem.fault.code, request_id=context.request_id, **problem.fields
                )
                reply = self._pipeline.refuse(context, problem)
                sent = await self._wire.send(request, reply, _stamp(context), keep_alive=keep_alive)
        except (TransferBrokenError, ConnectionError) as broken:
            context.log["broken"] = str(broken)
        except Exception:
            log.exception("reply_failed", request_id=context.request_id, operation=context.operation_name)
            context.log["broken"] = "internal"
        else:
            return reply, sent, keep_alive
        if request.transport is not None:
            request.transport.abort()
        return reply, 0, False

    def _head(self, message: RawRequestMessage, connection: RequestHandler) -> RequestHead:
        path, _, query = message.path.partition("?")
        headers: CIMultiDictProxy[str] = message.headers
        peer, scheme, tls_version = _origin(connection)
        host = headers.get("Host", "")
        if self._limits.trusted_proxies and _is_within(peer, self._limits.trusted_proxies):
            forwarded = ",".join(headers.getall("X-Forwarded-For", []))
            peer = _client_behind(peer, forwarded, self._limits.trusted_proxies)
            scheme = headers.getall("X-Forwarded-Proto", [scheme])[-1]
            host = headers.getall("X-Forwarded-Host", [host])[-1]
            tls_version = ""  # that of the proxy's client is not told
        return RequestHead(
            method=message.method,
            raw_path=path,
            raw_query=query,
            headers=headers,
            peer=peer,
            scheme=scheme,
            host=host,
            listener=self._listener,
            certificate="" if self._protocols.holder_of is None else _operator(connection),
            raw_headers=message.raw_headers,
            tls_version=tls_version,
        )

    async def _sweep(self) -> None:
        """Close connections that are late with a head: aiohttp times only those that had a request before."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now, limits = loop.time(), self._limits
            for connection in self._protocols.connections:
                if not isinstance(connection, GatewayProtocol):
                    continue
                if connection.is_late(now, limits.head_seconds, limits.keepalive_seconds):
                    connection.force_close()


def _operator(connection: RequestHandler) -> str:
    """The operator whose certificate the connection was made with, while it is valid."""
    holder = connection.holder if isinstance(connection, GatewayProtocol) else NOBODYS
    return holder.name if time.time() < holder.until else ""


def _origin(connection: RequestHandler) -> Origin:
    return connection.origin if isinstance(connection, GatewayProtocol) else NOWHERE


def _stamp(context: Context) -> tuple[str, str]:
    """The header that tells the request's id."""
    return context.face.request_id_header, context.request_id


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # an IPv4 peer on a socket that takes both
    return any(parsed in network for network in networks)


def _client_behind(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The nearest address in X-Forwarded-For that is not itself a trusted proxy: what lies beyond can be invented."""
    for address in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return peer
        peer = address
        if not _is_within(address, trusted):
            return peer
    return peer
