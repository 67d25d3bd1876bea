"""Moving stored or relayed bytes to a client's socket, past the event loop.

uvloop has no ``sendfile``, so the kernel calls run in a few threads on a duplicate of the connection's socket. A
thread works in slices: when the socket takes no more, or its time is up, it hands the transfer back to the event loop,
which waits for readiness; slow clients never hold a thread.
"""

import asyncio
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Protocol

THREADS = 4
"""Threads that move bytes, per worker; each serves whatever transfer is ready."""

SLICE_SECONDS = 0.25
"""How long one transfer may keep a thread before others get their turn."""

LINGER_SECONDS = 0.02
"""How long a thread waits for a full socket before it gives the transfer back to the loop."""

MOVED_BYTES = 1 << 20
"""Most bytes moved by one system call. A relay's buffer of this size stays in a core's cache (decision 0006)."""


LOCAL_SEGMENT_BYTES = 1 << 14
"""Connections with larger segments are those over the loopback (65,483 bytes, and half of it while the client takes no
more): Ethernet's largest have some 9,000."""

LOCAL_BUFFER_BYTES = 1 << 17
"""What the kernel may hold for such a client; it doubles the number.

By itself it lets some MiB pile up, more than a core's cache holds: then each page is fetched from memory to be sent and
again to be received, and the client gets a half to a quarter of the bytes. Less than two of the loopback's segments of
64 KiB would make it wait for acknowledgements.
"""

# ``tcpi_snd_mss`` in bytes, at this place of Linux's ``struct tcp_info`` (include/uapi/linux/tcp.h).
_SEGMENT = 16
_SEGMENT_END = _SEGMENT + 4


class Progress(Enum):
    """Where a slice of work ended."""

    DONE = "done"
    YIELD = "yield"
    WANTS_WRITE = "wants_write"
    WANTS_READ = "wants_read"


class Pump(Protocol):
    """A transfer that can be resumed. ``run`` is called in a thread; ``source`` is what WANTS_READ waits for."""

    source: int

    def run(self, sink: socket.socket, until: float) -> Progress:
        """Move bytes to the non-blocking ``sink`` until done, stuck, or ``until`` (monotonic seconds)."""
        ...


class TransferBrokenError(ConnectionError):
    """The client went away, idled too long, or the source ended early: the connection is of no more use."""


class Transfers:
    """Runs pumps for one worker."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="transfer")

    async def run(self, connection: socket.socket, pump: Pump) -> None:
        """Run ``pump`` to its end on a duplicate of ``connection``. Raises ``TransferBrokenError``."""
        loop = asyncio.get_running_loop()
        try:
            sink = _duplicate(connection.fileno())
        except OSError as broken:
            raise TransferBrokenError(str(broken)) from broken
        _keep_local(sink)
        try:
            while (progress := await self._in_thread(pump, sink)) is not Progress.DONE:
                if progress is Progress.WANTS_WRITE:
                    await self._ready(loop.add_writer, loop.remove_writer, sink.fileno())
                elif progress is Progress.WANTS_READ:
                    await self._ready(loop.add_reader, loop.remove_reader, pump.source)
        except OSError as broken:
            raise TransferBrokenError(str(broken)) from broken
        finally:
            sink.close()

    async def _in_thread(self, pump: Pump, sink: socket.socket) -> Progress:
        """One slice. When it is cancelled it waits for the thread, which uses descriptors that are closed next."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, _slice, pump, sink)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()
            raise

    async def _ready(self, add: Callable[..., object], remove: Callable[[int], object], descriptor: int) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        add(descriptor, _resolve, ready)
        try:
            async with asyncio.timeout(self._idle_seconds):
                await ready
        except TimeoutError as late:
            raise TransferBrokenError("the connection was idle for too long") from late
        finally:
            remove(descriptor)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _duplicate(descriptor: int) -> socket.socket:
    """A socket of our own over the same connection, which does not end when the other one is closed."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _keep_local(sink: socket.socket) -> None:
    """Let no more be on its way to a client on this machine than stays in a core's cache."""
    try:
        known = sink.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SEGMENT_END)
        if int.from_bytes(known[_SEGMENT:], sys.byteorder) > LOCAL_SEGMENT_BYTES:
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LOCAL_BUFFER_BYTES)
    except OSError:  # no TCP, or no connection any more: whoever sends will see
        return


def _slice(pump: Pump, sink: socket.socket) -> Progress:
    return pump.run(sink, time.monotonic() + SLICE_SECONDS)


def wait_briefly(connection: socket.socket, event: int) -> bool:
    """Whether ``connection`` became ready for ``event`` (``select.POLLIN`` or ``POLLOUT``) within the linger time."""
    poll = select.poll()
    poll.register(connection, event)
    return bool(poll.poll(LINGER_SECONDS * 1000))


def send(sink: socket.socket, data: memoryview, flags: int = 0) -> memoryview:
    """Send ``data``; what is left of it when ``sink`` takes no more for now."""
    while data:
        try:
            data = data[sink.send(data, flags | socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            if not wait_briefly(sink, select.POLLOUT):
                break
    return data


class HeadPump:
    """Sends the bytes of a response head, telling the kernel that more follow so that both share a packet."""

    def __init__(self, head: bytes) -> None:
        self._left = memoryview(head)

    def run(self, sink: socket.socket) -> Progress:
        """As ``Pump.run``."""
        self._left = send(sink, self._left, socket.MSG_MORE)
        return Progress.WANTS_WRITE if self._left else Progress.DONE


class RelayPump:
    """Moves ``length`` bytes from socket to socket, after ``prefix`` (head and bytes read already).

    They go through one large buffer that each thread keeps: ``splice`` spares the copy but hands on page by page, and
    is slower for it (decision 0006).
    """

    def __init__(self, prefix: bytes, source: int, length: int) -> None:
        self.source = source
        self._prefix = HeadPump(prefix)
        self._received = _duplicate(source)
        self._unread = length
        self._left = memoryview(b"")

    def run(self, sink: socket.socket, until: float) -> Progress:
        """As ``Pump.run``. Raises ``ConnectionError`` when the source ends before ``length`` bytes."""
        if (progress := self._prefix.run(sink)) is not Progress.DONE:
            return progress
        buffer = _buffer()
        while self._left or self._unread:
            if not self._left and not self._receive(buffer):
                return Progress.WANTS_READ
            self._left = send(sink, self._left)
            if self._left:
                self._left = memoryview(bytes(self._left))  # the buffer is the thread's, and others use it meanwhile
                return Progress.WANTS_WRITE
            if time.monotonic() > until:
                return Progress.YIELD
        return Progress.DONE

    def _receive(self, buffer: memoryview) -> bool:
        """Read what has arrived; False when nothing arrives for a while."""
        wanted = min(self._unread, len(buffer))
        try:
            count = self._received.recv_into(buffer, wanted)
        except BlockingIOError:
            if not wait_briefly(self._received, select.POLLIN):
                return False
            count = self._received.recv_into(buffer, wanted)
        if count == 0:
            raise ConnectionError("the upstream ended its answer early")
        self._unread -= count
        self._left = buffer[:count]
        return True

    def close(self) -> None:
        """Let go of the source."""
        self._received.close()


class _Kept(threading.local):
    """What each thread keeps from transfer to transfer."""

    buffer: memoryview | None = None


_kept = _Kept()


def _buffer() -> memoryview:
    if _kept.buffer is None:
        _kept.buffer = memoryview(bytearray(MOVED_BYTES))
    return _kept.buffer
