"""The server's side of a connection: aiohttp's parser with limits of its own, and request bodies as bounded streams."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

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
from zotplus.gateway.transport.certificates import NOBODYS, HolderOf

log = structlog.get_logger("zotplus.connection")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

READ_BUFFER_BYTES = 1 << 20
"""How much of a body may wait for its reader; large reads keep the cost per byte low."""


class GatewayProtocol(RequestHandler):
    """One connection. Notes since when it has been silent or dribbling a head, so that such ones can be closed.

    ``prepared`` is the answer to the request that is handled next, where it was found at once but takes a task to send.
    ``is_busy`` says that a request which aiohttp does not know of is being answered: nobody is woken for the next.
    ``holder`` is whose client certificate the connection was made with, ``origin`` where it comes from.
    """

    __slots__ = ("_answer_plainly", "head_since", "holder", "is_busy", "origin", "prepared", "since")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.since = self._loop.time()
        self.head_since: float | None = None
        self.prepared: tuple[Context, Reply] | None = None
        self.holder = NOBODYS
        self.is_busy = False
        self.origin = NOWHERE
        manager = self._manager
        self._answer_plainly = manager.answer_plainly if isinstance(manager, GatewayServer) else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, and with TLS the handshake is done."""
        super().connection_made(transport)
        manager = self._manager
        name, secured = self.peername, transport.get_extra_info("ssl_object")
        self.origin = Origin(
            peer=str(name[0]) if isinstance(name, tuple) else "",
            scheme="http" if secured is None else "https",
            tls_version="" if secured is None else (secured.version() or "").removeprefix("TLSv"),
        )
        if isinstance(manager, GatewayServer) and manager.holder_of is not None:
            self.holder = manager.holder_of(secured)

    def distrust_certificate(self) -> None:
        """The certificate counts no longer; the connection ends after the request under way."""
        if self.holder is NOBODYS:
            return
        self.holder = NOBODYS
        if self.is_waiting:
            self.force_close()
        else:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or body."""
        waiter = self._waiter
        if self.head_since is None and waiter is not None:
            if not (self.is_busy or waiter.done()) and self._is_answered_plainly(data):
                return
            self.head_since = self._loop.time()
        if waiter is None or waiter.done():
            super().data_received(data)
            return
        self._waiter = None  # so that nobody is woken before it is known that there is something to wait for
        super().data_received(data)
        self._waiter = waiter
        if self.is_busy:
            return
        if self._messages and not (len(self._messages) == 1 and self._is_taken_at_once()):
            waiter.set_result(None)

    def _is_answered_plainly(self, data: bytes) -> bool:
        """Whether ``data``, which nothing came before, was answered from its bytes."""
        transport, answer = self.transport, self._answer_plainly
        if answer is None or transport is None or transport.get_write_buffer_size():
            return False
        answered = answer(data, self.origin)
        if answered is None:
            return False
        self.since = self._loop.time()
        self._next_keepalive_close_time = self.since + self._keepalive_timeout
        transport.write(answered)
        return True

    def _is_taken_at_once(self) -> bool:
        """Whether the one message is answered by now, or is being answered."""
        message, payload = self._messages[0]
        manager = self._manager
        if not isinstance(manager, GatewayServer) or isinstance(message, _ErrInfo):
            return False
        if payload is EMPTY_PAYLOAD:
            if not manager.answer_at_once(message, self):
                return False
            self._take()
            self.taken_to_end()
            return True
        if not payload.is_eof() or len(payload._buffer) != 1:  # noqa: SLF001 - looked at, since it may go to a handler
            return False
        if not manager.begin_at_once(message, payload._buffer[0], self):  # noqa: SLF001
            return False
        self.is_busy = True
        self._take()
        self._next_keepalive_close_time = math.inf
        return True

    def _take(self) -> None:
        """The message goes past aiohttp: the parser may read one more in its place."""
        self._messages.clear()
        if self._parser is not None:
            self._parser.message_consumed()

    def taken_to_end(self) -> None:
        """A request that aiohttp does not know of has been answered: the next may come, or has come already."""
        self.is_busy = False
        self.served()
        self._next_keepalive_close_time = self.since + self._keepalive_timeout
        if self._close:  # nobody waits for the next any more
            self.force_close()
        waiter = self._waiter
        if self._messages and waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take_prepared(self) -> tuple[Context, Reply] | None:
        """The prepared answer, once."""
        prepared, self.prepared = self.prepared, None
        return prepared

    def served(self) -> None:
        """A request has been answered: the connection waits for the next."""
        self.since = self._loop.time()
        self.head_since = None

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
        return self._current_request is None and not self.is_busy

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
    a body before aiohttp makes anything of it; False leaves it to the handler. ``begin_at_once`` may take one over
    whose small body came with it, and calls ``taken_to_end`` when that is answered. ``answer_plainly`` answers bytes
    that are all of a plain request.
    """

    def __init__(
        self,
        handler: Handler,
        refuse_unread: Callable[[Problem, RequestHandler], Reply],
        answer_at_once: Callable[[RawRequestMessage, GatewayProtocol], bool],
        begin_at_once: Callable[[RawRequestMessage, bytes, GatewayProtocol], bool],
        answer_plainly: Callable[[bytes, Origin], bytes | None],
        **limits: Any,
    ) -> None:
        super().__init__(handler, access_log=None, auto_decompress=False, read_bufsize=READ_BUFFER_BYTES, **limits)
        self.holder_of: HolderOf | None = None
        self.refuse_unread = refuse_unread
        self.answer_at_once = answer_at_once
        self.begin_at_once = begin_at_once
        self.answer_plainly = answer_plainly

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
