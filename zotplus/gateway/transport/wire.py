"""Replies as bytes on the wire: head, framing and the right way to move each kind of body."""

import asyncio
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from aiohttp import HttpVersion, HttpVersion11, web

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.reply import Body, Relayed, Reply, Stored, Streamed, field_lines
from zotplus.gateway.route import PlainRead
from zotplus.gateway.transport.stored import StoredPump, VerifiedBlocks
from zotplus.gateway.transport.transfer import RelayPump, TransferBrokenError, Transfers
from zotplus.gateway.transport.verified import verified_chunks
from zotplus.ports.blobs import Blobs, SupportsLocalPath

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

WRITE_BYTES = 256 * 1024
FLUSH_SECONDS = 0.002
"""How often a buffer is looked at until it is empty; aiohttp tells only when it falls below its mark."""


class Exchange(Protocol):
    """An upstream's answer whose body the kernel can move (``gateway.reply.Relayed.connection``)."""

    def fileno(self) -> int:
        """The socket it arrives on."""
        ...

    def finish(self, clean: bool) -> None:  # noqa: FBT001 - one fact, named at the call
        """Give the connection back, or drop it when it was not read to its end. Only the first call counts."""
        ...


class _Date:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""
        self._line = b""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
            self._line = f"Date: {self._text}\r\n".encode()
        return self._text

    def line(self) -> bytes:
        self.now()
        return self._line


_date = _Date()


class Asked(Protocol):
    """What the form of an answer depends on: aiohttp's request has it, and so has its parser's message."""

    @property
    def method(self) -> str:
        """The method."""
        ...

    @property
    def version(self) -> HttpVersion:
        """The protocol's version."""
        ...


def head_bytes(reply: Reply, asked: Asked, stamp: tuple[str, str], *, keep_alive: bool) -> bytes:
    """The status line and headers, with the header ``stamp`` of the transport's own after the reply's.

    Raises ``ValueError`` for a header that would break out of its line.
    """
    status, lines = reply.status, reply.lines or field_lines(reply.headers)
    date = "" if b"Date: " in lines else f"Date: {_date.now()}\r\n"  # an upstream's own is kept
    connection = "" if keep_alive else "Connection: close\r\n"
    if keep_alive and asked.version < HttpVersion11:
        connection = "Connection: keep-alive\r\n"
    text = (
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n{stamp[0]}: {stamp[1]}\r\n"
        f"{_framing(reply, asked)}{date}Server: zotplus\r\n{connection}"
    )
    return b"%b%b\r\n" % (text.encode(), lines)


def _length_of(reply: Reply) -> int | None:
    body = reply.body
    if isinstance(body, bytes):
        return len(body) if reply.length is None else reply.length
    return body.length


def ends_by_closing(asked: Asked, reply: Reply) -> bool:
    """Whether only the connection's end can tell the body's: HTTP/1.0 has no chunks (RFC 9112 section 6.3)."""
    return asked.version < HttpVersion11 and _length_of(reply) is None


def _framing(reply: Reply, asked: Asked) -> str:
    if reply.status in _BODILESS:
        return ""
    length = _length_of(reply)
    if length is None:
        return "" if asked.method == "HEAD" or ends_by_closing(asked, reply) else "Transfer-Encoding: chunked\r\n"
    return f"Content-Length: {length}\r\n"


def _is_bodiless(reply: Reply, asked: Asked) -> bool:
    """Whether the answer ends with its head (RFC 9112 section 6.3)."""
    return asked.method == "HEAD" or reply.status in _BODILESS


def answer_bytes(asked: Asked, reply: Reply, stamp: tuple[str, str]) -> tuple[bytes, int]:
    """A reply of bytes as it is sent at once on a connection that stays, and how many of them are its body."""
    body = reply.body
    if not isinstance(body, bytes):
        raise TypeError("only bytes can be written at once")
    head = head_bytes(reply, asked, stamp, keep_alive=True)
    return (head, 0) if _is_bodiless(reply, asked) else (head + body, len(body))


def plain_answer(read: PlainRead, stamp: tuple[bytes, str], *, is_old: bool = False) -> bytes:
    """The answer to a plain read on a connection that stays, as ``answer_bytes`` makes it of a reply."""
    head = b"HTTP/1.1 200 OK\r\n%b: %b\r\nContent-Length: %d\r\n%bServer: zotplus\r\n%b%b\r\n" % (
        stamp[0],
        stamp[1].encode(),
        read.length,
        _date.line(),
        b"Connection: keep-alive\r\n" if is_old else b"",
        read.lines,
    )
    return head + read.content if read.content else head


class Wire:
    """Sends replies for one worker.

    ``on_stored`` is told how many bytes went from a blob's file to a socket past the store, which cannot count them.
    """

    def __init__(self, blobs: Blobs, idle_seconds: float, on_stored: Callable[[int], None] | None = None) -> None:
        self._blobs = blobs
        self._on_stored = on_stored
        self._idle_seconds = idle_seconds
        self._transfers = Transfers(idle_seconds)
        self._verified = VerifiedBlocks()

    async def send(self, request: web.BaseRequest, reply: Reply, stamp: tuple[str, str], *, keep_alive: bool) -> int:
        """Send ``reply`` with the header ``stamp``; the number of body bytes sent.

        Whatever happens, what the body holds open is released. Raises ``Problem`` only while nothing has been sent,
        ``TransferBrokenError`` when the connection is lost.
        """
        body = reply.body
        try:
            head = head_bytes(reply, request, stamp, keep_alive=keep_alive)
            if request.transport is None:
                raise TransferBrokenError("the client is gone")
            if _is_bodiless(reply, request):
                body = b""
            if isinstance(body, bytes):
                return await self._write_all(request, head + body) - len(head)
            if isinstance(body, Stored):
                return await self._send_stored(request, head, body)
            if isinstance(body, Relayed):
                return await self._send_relayed(request, head, body)
            return await self._send_streamed(request, head, body)
        finally:
            await _release(reply.body)

    async def _send_stored(self, request: web.BaseRequest, head: bytes, body: Stored) -> int:
        connection = _plain_socket(request)
        slices = tuple(piece for piece in body.slices if piece.length)
        if not slices:
            return await self._write_all(request, head)
        if connection is None or not isinstance(self._blobs, SupportsLocalPath):
            chunks = verified_chunks(self._blobs, slices)
            return await self._send_streamed(request, head, Streamed(chunks, body.length))
        await _flushed(request, self._idle_seconds)
        pump = StoredPump(head, slices, self._blobs.local_path, self._verified)
        try:
            await self._transfers.run(connection, pump)
        finally:
            pump.close()
        if self._on_stored is not None:
            self._on_stored(body.length)
        return body.length

    async def _send_relayed(self, request: web.BaseRequest, head: bytes, body: Relayed) -> int:
        exchange: Exchange = body.connection  # type: ignore[assignment] # gateway.reply cannot name the adapter's class
        connection = _plain_socket(request)
        if connection is None:
            await self._relay_by_hand(request, head, body, exchange)
        else:
            await _flushed(request, self._idle_seconds)
            pump = RelayPump(head + body.prefix, exchange.fileno(), body.length - len(body.prefix))
            try:
                await self._transfers.run(connection, pump)
            finally:
                pump.close()
        exchange.finish(clean=True)
        return body.length

    async def _relay_by_hand(self, request: web.BaseRequest, head: bytes, body: Relayed, exchange: Exchange) -> None:
        """TLS towards the client: the bytes have to pass through the program."""
        loop = asyncio.get_running_loop()
        await self._write_all(request, head + body.prefix)
        left = body.length - len(body.prefix)
        with socket.socket(fileno=exchange.fileno()) as source:
            try:
                while left:
                    async with asyncio.timeout(self._idle_seconds):
                        data = await loop.sock_recv(source, min(left, WRITE_BYTES))
                    if not data:
                        raise TransferBrokenError("the upstream ended its answer early")
                    left -= len(data)
                    await self._write_all(request, data)
            except TimeoutError as late:
                raise TransferBrokenError("the upstream was idle for too long") from late
            finally:
                source.detach()

    async def _send_streamed(self, request: web.BaseRequest, head: bytes, body: Streamed) -> int:
        """Send chunks as they come; nothing is sent before the first one, so that its failure can still be told."""
        chunked = body.length is None and request.version >= HttpVersion11
        sent = 0
        pending = head
        try:
            async for data in body.chunks:
                framed = b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
                await self._write_all(request, pending + framed)
                pending = b""
                sent += len(data)
        except (Problem, OSError) as broken:
            if pending:
                raise
            raise TransferBrokenError(str(broken)) from broken
        if body.length is not None and sent != body.length:
            raise TransferBrokenError("the content ended early") if sent else Problem(errors.BLOB_CORRUPT)
        await self._write_all(request, pending + (b"0\r\n\r\n" if chunked else b""))
        return sent

    async def _write_all(self, request: web.BaseRequest, data: bytes) -> int:
        transport = request.transport
        if transport is None:
            raise TransferBrokenError("the client is gone")
        if data:
            transport.write(data)
        if transport.get_write_buffer_size() > WRITE_BYTES:
            await _drained(request, self._idle_seconds)
        return len(data)

    def close(self) -> None:
        """Let the transfer threads end."""
        self._transfers.close()


async def _drained(request: web.BaseRequest, idle_seconds: float) -> None:
    try:
        async with asyncio.timeout(idle_seconds):
            await request.protocol._drain_helper()  # noqa: SLF001 - aiohttp has no public way to wait for its own buffer
    except TimeoutError as late:
        raise TransferBrokenError("the client took nothing for too long") from late


async def _flushed(request: web.BaseRequest, idle_seconds: float) -> None:
    """Wait until earlier replies have left the transport's buffer: the next bytes go around it."""
    try:
        async with asyncio.timeout(idle_seconds):
            while request.transport is not None and request.transport.get_write_buffer_size():  # noqa: ASYNC110 - no event
                await asyncio.sleep(FLUSH_SECONDS)
    except TimeoutError as late:
        raise TransferBrokenError("the client took nothing for too long") from late
    if request.transport is None:
        raise TransferBrokenError("the client is gone")


def _plain_socket(request: web.BaseRequest) -> socket.socket | None:
    transport = request.transport
    if transport is None or transport.get_extra_info("sslcontext") is not None:
        return None
    found: socket.socket | None = transport.get_extra_info("socket")
    return found


async def _release(body: Body) -> None:
    """Let go of what a body still holds open: nothing after it was sent to its end."""
    if isinstance(body, Relayed):
        exchange: Exchange = body.connection  # type: ignore[assignment] # as in _send_relayed
        exchange.finish(clean=False)
    elif isinstance(body, Streamed) and hasattr(body.chunks, "aclose"):
        await body.chunks.aclose()
