"""Blob downloads over sockets of our own, so that the kernel can move the body to the client.

Only plain HTTP, only GET, and only answers with a Content-Length: everything else goes the client's ordinary way.
"""

import asyncio
import select
import socket

import msgspec

from zotplus.adapters.zot.head import HEAD_MAX_BYTES, ResponseHead, parse_head
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import OpenBody, UpstreamRequest

READ_BYTES = 65_536
WHOLE_BODY_BYTES = 65_536
"""Bodies up to this size are read at once: moving so little through a pipe costs more than copying it."""


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """A head and the body that goes with it."""

    head: ResponseHead
    body: bytes | OpenBody


class BlobSockets:
    """A small pool of connections to one address."""

    def __init__(self, host: str, port: int, *, connect_timeout: float, answer_timeout: float, keep: int) -> None:
        self._address = (host, port)
        self._host_header = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._connect_timeout = connect_timeout
        self._answer_timeout = answer_timeout
        self._keep = keep
        self._idle: list[socket.socket] = []
        self._closed = False

    async def get(self, request: UpstreamRequest) -> RawReply | None:
        """Send a GET; None when the answer has a form that is not read here (the caller asks again in its own way).

        Raises ``UPSTREAM_UNAVAILABLE``.
        """
        lines = [f"GET {request.target} HTTP/1.1", f"Host: {self._host_header}"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        while (pooled := self._pooled()) is not None:
            try:
                return await self._exchange(pooled, head)
            except _Stale:
                continue  # it was closed meanwhile; a GET can be repeated
        try:
            return await self._exchange(await self._connect(), head)
        except _Stale as stale:
            raise Problem(errors.UPSTREAM_UNAVAILABLE, "The registry closed the connection.") from stale

    def release(self, connection: socket.socket) -> None:
        """Take back a connection whose answer was read to its end."""
        if self._closed or len(self._idle) >= self._keep:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle; connections in use close when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _pooled(self) -> socket.socket | None:
        while self._idle:
            connection = self._idle.pop()
            if not _is_readable(connection):
                return connection
            connection.close()  # the other side ended it, or sent what nobody asked for
        return None

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        host, port = self._address
        try:
            async with asyncio.timeout(self._connect_timeout):
                family, kind, protocol, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
                connection = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
                connection.setblocking(False)  # noqa: FBT003 - the socket module's own form
                try:
                    await loop.sock_connect(connection, address)
                except BaseException:
                    connection.close()
                    raise
        except (OSError, TimeoutError) as failure:
            raise Problem(errors.UPSTREAM_UNAVAILABLE, "The registry takes no connection.") from failure
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    async def _exchange(self, connection: socket.socket, head: bytes) -> RawReply | None:
        handed_over = False
        try:
            async with asyncio.timeout(self._answer_timeout):
                await asyncio.get_running_loop().sock_sendall(connection, head)
                received = await _read_head(connection)
                if received is None:
                    return None
                parsed, prefix = received
                if len(prefix) > parsed.length:
                    return None
                if parsed.length > WHOLE_BODY_BYTES:
                    handed_over = True
                    relay = _Relay(self, connection, keep_alive=parsed.keep_alive)
                    return RawReply(head=parsed, body=OpenBody(connection=relay, prefix=prefix, length=parsed.length))
                body = await _read_rest(connection, prefix, parsed.length)
        except ConnectionError as failure:
            raise _Stale from failure
        except (OSError, TimeoutError) as failure:
            raise Problem(errors.UPSTREAM_UNAVAILABLE, "The registry broke off.") from failure
        else:
            handed_over = parsed.keep_alive
            if handed_over:
                self.release(connection)
            return RawReply(head=parsed, body=body)
        finally:
            if not handed_over:
                connection.close()


class _Stale(Exception):  # noqa: N818 - a state of a connection, handled here
    """The connection broke before an answer came."""


class _Relay:
    """The ``RelayConnection`` of one open answer."""

    __slots__ = ("_keep_alive", "_owner", "_socket")

    def __init__(self, owner: BlobSockets, connection: socket.socket, *, keep_alive: bool) -> None:
        self._owner = owner
        self._socket: socket.socket | None = connection
        self._keep_alive = keep_alive

    def fileno(self) -> int:
        """The open socket, or -1 once finished."""
        return -1 if self._socket is None else self._socket.fileno()

    def finish(self, clean: bool) -> None:  # noqa: FBT001 - the port's form
        """Give the socket back, or close it."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        if clean and self._keep_alive:
            self._owner.release(connection)
        else:
            connection.close()


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


async def _read_head(connection: socket.socket) -> tuple[ResponseHead, bytes] | None:
    """The head and the bytes read after it. Raises ``ConnectionError`` when the other side ends before."""
    loop = asyncio.get_running_loop()
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) >= HEAD_MAX_BYTES:
            return None
        more = await loop.sock_recv(connection, READ_BYTES)
        if not more:
            raise ConnectionResetError("closed before the head was complete")
        data += more
    parsed = parse_head(data[:end])
    return None if parsed is None else (parsed, data[end + 4 :])


async def _read_rest(connection: socket.socket, prefix: bytes, length: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray(prefix)
    while len(data) < length:
        more = await loop.sock_recv(connection, length - len(data))
        if not more:
            raise ConnectionResetError("closed before the body was complete")
        data += more
    return bytes(data)
