"""Replies as bytes on the wire: head, framing and the right way to move each kind of body."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.reply import BlobSlice, Relayed, Reply, Stored, Streamed
from zotplus.gateway.transport.stored import StoredPump, VerifiedBlocks
from zotplus.gateway.transport.transfer import SplicePump, TransferBrokenError, Transfers
from zotplus.ports.blobs import Blobs, SupportsLocalPath

_FORBIDDEN_IN_HEADERS = re.compile(r"[\r\n\0]")
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
        """Give the connection back, or drop it when it was not read to its end."""
        ...


class _Date:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
        return self._text


_date = _Date()


def head_bytes(reply: Reply, *, connection: str, framing: str) -> bytes:
    """The status line and headers. ``framing`` is the line for length or chunks, ``connection`` Connection's value.

    Either may be empty.

    Raises ``ValueError`` for a header that would break out of its line.
    """
    lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}"]
    has_date = False
    for name, value in reply.headers:
        if _FORBIDDEN_IN_HEADERS.search(value):
            raise ValueError(f"the header {name} holds a line break")
        has_date = has_date or name.lower() == "date"
        lines.append(f"{name}: {value}")
    if framing:
        lines.append(framing)
    if not has_date:
        lines.append(f"Date: {_date.now()}")
    lines.append(f"Server: zotplus\r\nConnection: {connection}" if connection else "Server: zotplus")
    # Header text is bytes that came in as UTF-8 with surrogate escapes and goes out as the same bytes.
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _length_of(reply: Reply) -> int | None:
    body = reply.body
    return len(body) if isinstance(body, bytes) else body.length


def ends_by_closing(request: web.BaseRequest, reply: Reply) -> bool:
    """Whether only the connection's end can tell the body's: HTTP/1.0 has no chunks (RFC 9112 section 6.3)."""
    return request.version < HttpVersion11 and _length_of(reply) is None


def _tells_length(reply: Reply) -> bool:
    return reply.status in _BODILESS or any(name.lower() == "content-length" for name, _ in reply.headers)


def _framing(reply: Reply, request: web.BaseRequest) -> str:
    if _tells_length(reply):
        return ""
    length = _length_of(reply)
    if length is None:
        return "" if request.method == "HEAD" or ends_by_closing(request, reply) else "Transfer-Encoding: chunked"
    return f"Content-Length: {length}"


def write_at_once(transport: asyncio.Transport, message: RawRequestMessage, reply: Reply) -> int:
    """Write a reply of bytes to a connection that stays and whose buffer is empty; the number of body bytes."""
    body = reply.body
    if not isinstance(body, bytes):
        raise TypeError("only bytes can be written at once")
    framing = "" if _tells_length(reply) else f"Content-Length: {len(body)}"
    connection = "keep-alive" if message.version < HttpVersion11 else ""
    head = head_bytes(reply, connection=connection, framing=framing)
    if message.method == "HEAD" or reply.status in _BODILESS:
        body = b""
    transport.write(head + body)
    return len(body)


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

    async def send(self, request: web.BaseRequest, reply: Reply, *, keep_alive: bool) -> int:
        """Send ``reply``; the number of body bytes sent.

        Raises ``Problem`` only while nothing has been sent, ``TransferBrokenError`` when the connection is lost.
        """
        old = request.version < HttpVersion11
        connection = "close" if not keep_alive else "keep-alive" if old else ""
        head = head_bytes(reply, connection=connection, framing=_framing(reply, request))
        transport = request.transport
        if transport is None:
            await _discard(reply)
            raise TransferBrokenError("the client is gone")
        body = reply.body
        if request.method == "HEAD" or reply.status in _BODILESS:
            await _discard(reply)
            body = b""
        if isinstance(body, bytes):
            return await self._write_all(request, head + body if body else head) - len(head)
        if isinstance(body, Stored):
            return await self._send_stored(request, head, body)
        if isinstance(body, Relayed):
            return await self._send_relayed(request, head, body)
        return await self._send_streamed(request, head, body)

    async def _send_stored(self, request: web.BaseRequest, head: bytes, body: Stored) -> int:
        connection = _plain_socket(request)
        slices = tuple(piece for piece in body.slices if piece.length)
        if not slices:
            return await self._write_all(request, head)
        if connection is None or not isinstance(self._blobs, SupportsLocalPath):
            chunks = _verified_chunks(self._blobs, slices)
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
        clean = False
        connection = _plain_socket(request)
        try:
            if connection is None:
                await self._relay_by_hand(request, head, body, exchange)
            else:
                await _flushed(request, self._idle_seconds)
                pump = SplicePump(head + body.prefix, exchange.fileno(), body.length - len(body.prefix))
                try:
                    await self._transfers.run(connection, pump)
                finally:
                    pump.close()
            clean = True
        finally:
            exchange.finish(clean)
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


async def _verified_chunks(blobs: Blobs, slices: tuple[BlobSlice, ...]) -> AsyncIterator[bytes]:
    from zotplus.gateway.transport.verified import verified_chunks  # noqa: PLC0415 - only without sendfile

    for piece in slices:
        async for data in verified_chunks(blobs, piece):
            yield data


async def _discard(reply: Reply) -> None:
    """Release what a reply holds open when its body is not sent."""
    if isinstance(reply.body, Relayed):
        exchange: Exchange = reply.body.connection  # type: ignore[assignment] # as in _send_relayed
        exchange.finish(clean=False)
    elif isinstance(reply.body, Streamed) and hasattr(reply.body.chunks, "aclose"):
        await reply.body.chunks.aclose()
