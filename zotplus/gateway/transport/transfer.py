"""Moving stored or relayed bytes to a client's socket without passing them through the program.

uvloop has no ``sendfile``, so the kernel calls run in a few threads on a duplicate of the connection's descriptor. A
thread works in slices: when the socket takes no more, or its time is up, it hands the transfer back to the event loop,
which waits for readiness; slow clients never hold a thread.
"""

import asyncio
import os
import select
import socket
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

SPLICE_BYTES = 1 << 20
"""Most bytes moved by one system call; also the size asked for the pipe."""


class Progress(Enum):
    """Where a slice of work ended."""

    DONE = "done"
    YIELD = "yield"
    WANTS_WRITE = "wants_write"
    WANTS_READ = "wants_read"


class Pump(Protocol):
    """A transfer that can be resumed. ``run`` is called in a thread; ``source`` is what WANTS_READ waits for."""

    source: int

    def run(self, sink: int, until: float) -> Progress:
        """Move bytes to the non-blocking descriptor ``sink`` until done, stuck, or ``until`` (monotonic seconds)."""
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
            sink = os.dup(connection.fileno())
        except OSError as broken:
            raise TransferBrokenError(str(broken)) from broken
        try:
            while (progress := await self._in_thread(pump, sink)) is not Progress.DONE:
                if progress is Progress.WANTS_WRITE:
                    await self._ready(loop.add_writer, loop.remove_writer, sink)
                elif progress is Progress.WANTS_READ:
                    await self._ready(loop.add_reader, loop.remove_reader, pump.source)
        except OSError as broken:
            raise TransferBrokenError(str(broken)) from broken
        finally:
            os.close(sink)

    async def _in_thread(self, pump: Pump, sink: int) -> Progress:
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


def _slice(pump: Pump, sink: int) -> Progress:
    return pump.run(sink, time.monotonic() + SLICE_SECONDS)


def wait_briefly(descriptor: int, event: int) -> bool:
    """Whether ``descriptor`` became ready for ``event`` (``select.POLLIN`` or ``POLLOUT``) within the linger time."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(LINGER_SECONDS * 1000))


class HeadPump:
    """Sends the bytes of a response head, telling the kernel that more follow so that both share a packet."""

    def __init__(self, head: bytes) -> None:
        self._left = memoryview(head)

    def run(self, sink: int) -> Progress:
        """As ``Pump.run``."""
        while self._left:
            try:
                with socket.socket(fileno=os.dup(sink)) as out:
                    sent = out.send(self._left, socket.MSG_MORE | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                if not wait_briefly(sink, select.POLLOUT):
                    return Progress.WANTS_WRITE
                continue
            self._left = self._left[sent:]
        return Progress.DONE


class SplicePump:
    """Moves ``length`` bytes from socket to socket through a pipe, after ``prefix`` (head and bytes read already)."""

    def __init__(self, prefix: bytes, source: int, length: int) -> None:
        self.source = source
        self._prefix = HeadPump(prefix)
        self._unread = length
        self._piped = 0
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._received = socket.socket(fileno=os.dup(source))
            _widen(self._in)
        except OSError:
            os.close(self._out)
            os.close(self._in)
            raise

    def run(self, sink: int, until: float) -> Progress:
        """As ``Pump.run``. Raises ``ConnectionError`` when the source ends before ``length`` bytes."""
        if (progress := self._prefix.run(sink)) is not Progress.DONE:
            return progress
        while self._unread or self._piped:
            if not self._piped and not self._fill():
                return Progress.WANTS_READ
            if not self._drain(sink):
                return Progress.WANTS_WRITE
            if time.monotonic() > until:
                return Progress.YIELD
        return Progress.DONE

    def _fill(self) -> bool:
        """Move what has arrived into the pipe; False when nothing arrives for a while."""
        if self._take():
            return True
        self._await_much()
        return self._take()

    def _take(self) -> bool:
        try:
            moved = os.splice(self.source, self._in, min(self._unread, SPLICE_BYTES))
        except BlockingIOError:
            return False
        if moved == 0:
            raise ConnectionError("the upstream ended its answer early")
        self._unread -= moved
        self._piped += moved
        return True

    def _await_much(self) -> None:
        """Wait briefly for half a pipe: being woken for each packet costs more than moving its bytes.

        The mark is taken back at once, so that a slow upstream's bytes are passed on as they come.
        """
        self._received.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(self._unread, SPLICE_BYTES // 2))
        try:
            wait_briefly(self.source, select.POLLIN)
        finally:
            self._received.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def _drain(self, sink: int) -> bool:
        while self._piped:
            try:
                self._piped -= os.splice(self._out, sink, self._piped)
            except BlockingIOError:
                if not wait_briefly(sink, select.POLLOUT):
                    return False
        return True

    def close(self) -> None:
        """Release the pipe."""
        self._received.close()
        os.close(self._out)
        os.close(self._in)


def _widen(pipe: int) -> None:
    import fcntl  # noqa: PLC0415 - Linux only, needed here only

    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, SPLICE_BYTES)
    except PermissionError:
        return  # over fs.pipe-user-pages-soft: a narrow pipe is slower, not wrong
