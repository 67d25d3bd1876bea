"""The server's side of a connection: aiohttp's parser with limits of its own, and request bodies as bounded streams."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from multidict import CIMultiDict

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.plain import NOWHERE, Origin
from zotplus.gateway.reply import Reply
from zotplus.gateway.transport.boundary import Boundary
from zotplus.gateway.transport.certificates import NOBODYS, HolderOf

log = structlog.get_logger("zotplus.connection")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

READ_BUFFER_BYTES = 1 << 20
"""How much of a body may wait for its reader; large reads keep the cost per byte low."""


FEW_CONNECTIONS = 3
"""With so many, one request is answered sooner than the next arrives (measured with 1 to 8 for each of two workers)."""


_origin = lru_cache(maxsize=4096)(Origin)  # clients hold many connections


class Lane(Protocol):
    """Answers requests past aiohttp's parser, those that arrive in one turn of the event loop together."""

    def take(self, data: bytes, connection: "GatewayProtocol", *, at_once: bool) -> bool:
        """Whether ``data``, with which a request begins, is taken over; ``answered`` or ``read`` has to follow.

        ``at_once``: hardly any others will come in this turn.
        """
        ...

    def answer_arrived(self) -> None:
        """Do so now with all that was taken over."""
        ...


class _Queue(list[Any]):
    """The few messages of a connection. An empty deque takes ten times as much memory, and most are idle."""

    __slots__ = ()

    def popleft(self) -> Any:
        """The first, taken out."""
        return self.pop(0)


class GatewayProtocol(RequestHandler):
    """One connection. Notes since when it has been silent or dribbling a head, so that such ones can be closed.

    ``prepared`` is the answer to the request that is handled next, where it was found at once but takes a task to send.
    ``is_busy`` says that the lane has a request which aiohttp does not know of: nobody is woken for the next.
    ``holder`` is whose client certificate the connection was made with, ``origin`` where it comes from.
    """

    __slots__ = ("_boundary", "head_since", "holder", "is_busy", "origin", "prepared", "since")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._messages = _Queue()  # type: ignore[assignment] # aiohttp uses no more of a deque than this
        self.since = self._loop.time()
        self.head_since: float | None = None
        self.prepared: tuple[Context, Reply] | None = None
        self.holder = NOBODYS
        self.is_busy = False
        self._boundary = Boundary()
        self.origin = NOWHERE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, and with TLS the handshake is done."""
        super().connection_made(transport)
        manager = self._manager
        name, secured = self.peername, transport.get_extra_info("ssl_object")
        self.origin = _origin(
            str(name[0]) if isinstance(name, tuple) else "",
            "http" if secured is None else "https",
            "" if secured is None else (secured.version() or "").removeprefix("TLSv"),
        )
        if isinstance(manager, GatewayServer) and manager.holder_of is not None:
            self.holder = manager.holder_of(secured)

    def distrust_certificate(self) -> None:
        """The certificate counts no longer; the connection ends after the request under way."""
        if self.holder is NOBODYS:
            return
        self._settle()
        self.holder = NOBODYS
        if self.is_waiting:
            self.force_close()
        else:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or body."""
        self._settle()
        manager = self._manager
        is_taken = False
        if isinstance(manager, GatewayServer) and self._begins_request():
            is_taken = manager.lane.take(data, self, at_once=manager.has_few)
        if not is_taken:
            self.read(data)

    def eof_received(self) -> None:
        """The client sends no more; what it sent is answered first."""
        self._settle()
        super().eof_received()

    def _settle(self) -> None:
        """What the lane has taken over comes before whatever happens next."""
        manager = self._manager
        if self.is_busy and isinstance(manager, GatewayServer):
            manager.lane.answer_arrived()

    def read(self, data: bytes) -> None:
        """Have aiohttp's parser read bytes of a head or body."""
        waiter = self._waiter
        if self.head_since is None and waiter is not None:
            self.head_since = self._loop.time()
        if waiter is None or waiter.done():
            self._feed(data)
            return
        self._waiter = None  # so that nobody is woken before it is known that there is something to wait for
        self._feed(data)
        self._waiter = waiter
        if self.is_busy:
            return
        if len(self._messages) == 1 and self._is_answered_at_once():
            self._messages.clear()
        elif self._messages:
            waiter.set_result(None)

    def _feed(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        made, messages = self._request_count - before, self._messages
        if len(messages) >= self._max_msg_queue_size:  # of more than the queue takes the parser keeps the rest
            self._boundary.lose()
        elif made:
            last, payload = messages[-1]
            self._boundary.began(data, made, last, has_body=payload is not EMPTY_PAYLOAD)
        elif data:
            self._boundary.went_on(data)

    def _begins_request(self) -> bool:
        """Whether the next bytes are the first of a request, which does not have to wait for another."""
        waiter, transport = self._waiter, self.transport
        if self.head_since is not None or self.is_busy or waiter is None or waiter.done():
            return False
        if transport is None or transport.get_write_buffer_size():
            return False
        return self._boundary.is_between  # else the bytes may be the end of a head that has begun

    def busy(self) -> None:
        """A request that aiohttp does not know of is being answered; ``answered`` or ``abort`` has to follow."""
        self.is_busy = True
        self._next_keepalive_close_time = math.inf

    def given_back(self) -> None:
        """What the lane has taken over is answered now, or read by aiohttp's parser: all is as it was before."""
        self.is_busy = False
        self._next_keepalive_close_time = self.since + self._keepalive_timeout

    def answered(self, answer: bytes) -> None:
        """Write the answer to a request that aiohttp does not know of; the next may come, or has come already."""
        transport = self.transport
        if transport is not None:
            transport.write(answer)
        self.is_busy = False
        begun = None if self._boundary.is_between or self._messages else self.head_since
        self.served()
        self.head_since = begun  # a head that began meanwhile has its time, whatever was answered
        if self._close:  # nobody waits for the next any more
            self.force_close()
        waiter = self._waiter
        if self._messages and waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there any more to be answered."""
        return self.transport is None or self.transport.is_closing()

    def abort(self) -> None:
        """End the connection without an answer."""
        self.is_busy = False
        if self.transport is not None:
            self.transport.abort()

    def _is_answered_at_once(self) -> bool:
        message, payload = self._messages[0]
        manager, parser = self._manager, self._parser
        if payload is not EMPTY_PAYLOAD or not isinstance(manager, GatewayServer) or parser is None:
            return False
        if isinstance(message, _ErrInfo) or not manager.answer_at_once(message, self):
            return False
        parser.message_consumed()
        self.served()
        return True

    def take_prepared(self) -> tuple[Context, Reply] | None:
        """The prepared answer, once."""
        prepared, self.prepared = self.prepared, None
        return prepared

    def served(self) -> None:
        """A request has been answered: the connection waits for the next."""
        self.since = self._loop.time()
        self.head_since = None
        self._next_keepalive_close_time = self.since + self._keepalive_timeout

    def is_late(self, now: float, head_seconds: float, keepalive_seconds: float) -> bool:
        """Whether the client has taken too long to send a head, or has been silent for too long."""
        if not self.is_waiting:
            return False
        if self.head_since is not None:
            return now - self.head_since > head_seconds
        return now - self.since > keepalive_seconds

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way: the client is silent, or has sent a part of a head."""
        return self._current_request is None and not self.is_busy and not self._messages

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp's parser refuses, or a fault of our own, in the wire form of the face; the connection closes."""
        del request
        manager = self._manager
        if not isinstance(manager, GatewayServer):
            raise ConnectionError("the server is gone")
        detail = next(iter((message or "").splitlines()), "")[:200]
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("connection_failed", exc_info=exc)
            reply = manager.refuse_unread(Problem(errors.INTERNAL_ERROR), self)
        else:
            told = detail or "The request's head cannot be read."
            reply = manager.refuse_unread(Problem(errors.REQUEST_INVALID, told), self)
        body = reply.body if isinstance(reply.body, bytes) else b""
        response = web.Response(status=reply.status, headers=CIMultiDict(reply.headers), body=body)
        response.headers["Server"] = "zotplus"
        response.force_close()
        return response


class GatewayServer(web.Server):
    """aiohttp's low-level server with our connections.

    ``refuse_unread`` answers what its parser cannot read. ``answer_at_once`` may write the answer to a request without
    a body before aiohttp makes anything of it; False leaves it to the handler. ``lane`` may take the bytes of a request
    over before they are parsed.
    """

    def __init__(
        self,
        handler: Handler,
        refuse_unread: Callable[[Problem, RequestHandler], Reply],
        answer_at_once: Callable[[RawRequestMessage, GatewayProtocol], bool],
        lane: Lane,
        **limits: Any,
    ) -> None:
        super().__init__(handler, access_log=None, auto_decompress=False, read_bufsize=READ_BUFFER_BYTES, **limits)
        self.holder_of: HolderOf | None = None
        self.refuse_unread = refuse_unread
        self.answer_at_once = answer_at_once
        self.lane = lane

    @property
    def has_few(self) -> bool:
        """Whether so few are connected that requests seldom come together."""
        return len(self._connections) <= FEW_CONNECTIONS

    def __call__(self) -> RequestHandler:
        """A handler for a new connection."""
        return GatewayProtocol(self, loop=self._loop, **self._kwargs)


class ConnectionBody:
    """``gateway.bodies.RequestBody`` over an aiohttp request."""

    __slots__ = ("_expects", "_idle_seconds", "_reader", "_request", "length", "received")

    def __init__(self, request: web.BaseRequest, idle_seconds: float) -> None:
        self._request = request
        self._reader = request.content
        self._idle_seconds = idle_seconds
        self._expects = "Expect" in request.headers and request.headers["Expect"].lower() == "100-continue"
        self.length = request.content_length if "Transfer-Encoding" not in request.headers else None
        if self.length is None and "Transfer-Encoding" not in request.headers:
            self.length = 0
        self.received = 0

    @property
    def abandoned(self) -> bool:
        """Whether bytes of the body are still to come that nobody asked for: the connection cannot be used again."""
        return not self._reader.is_eof() and (self._expects or self.length is None or self.length > READ_BUFFER_BYTES)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content as it arrives; the first call sends the 100 that an expecting client waits for."""
        self._continue()
        reader = self._reader
        while not reader.at_eof():
            data = await self._next()
            if data:
                self.received += len(data)
                yield data
        if self.length is not None and self.received != self.length:
            raise Problem(errors.BODY_INCOMPLETE)

    async def read(self, limit: int) -> bytes:
        """The whole content, at most ``limit`` bytes of it."""
        if self.length is not None and self.length > limit:
            raise Problem(errors.BODY_TOO_LARGE, f"At most {limit} bytes are taken here.")
        pieces: list[bytes] = []
        async for data in self.chunks():
            pieces.append(data)
            if self.received > limit:
                raise Problem(errors.BODY_TOO_LARGE, f"At most {limit} bytes are taken here.")
        return b"".join(pieces)

    async def _next(self) -> bytes:
        try:
            if data := self._reader.read_nowait():
                return data
            async with asyncio.timeout(self._idle_seconds):
                return await self._reader.readany()
        except TimeoutError as late:
            raise Problem(errors.REQUEST_TIMEOUT) from late
        except (ConnectionError, web.RequestPayloadError) as broken:
            raise Problem(errors.BODY_INCOMPLETE) from broken

    def _continue(self) -> None:
        if not self._expects:
            return
        self._expects = False
        if self._request.transport is not None:
            self._request.transport.write(CONTINUE)
