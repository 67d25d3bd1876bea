"""Log lines to a file descriptor: gathered, written together by a thread, dropped rather than waited for."""

import contextlib
import os
import threading

FLUSH_BYTES = 1 << 20
"""Every write takes the interpreter's lock from the loop's thread a few times, at some 100 µs each: few and large ones
cost a twentieth of what writes of 64 KiB do."""

PENDING_MAX_BYTES = 8 * 1024 * 1024
"""What may wait while the reader of the log stands still; more is dropped and counted, so that requests go on."""

_RETRY_SECONDS = 0.05
_CLOSE_SECONDS = 2.0


class LineWriter:
    """Writes whole lines to ``descriptor``.

    A line waits up to ``interval`` seconds, or until 1 MiB is there; an urgent one is written at once. ``write``
    never blocks on the descriptor: a thread does, started with the first line, so that a process may fork before it.
    ``interval`` 0 writes in the caller, for processes that must not have threads.
    """

    def __init__(self, descriptor: int, interval: float) -> None:
        self._descriptor = descriptor
        self._interval = interval
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._pending = threading.Event()
        self._urgent = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.dropped = 0

    def write(self, line: bytes, *, urgent: bool = False) -> None:
        """Take ``line``, which ends in a newline."""
        if not self._interval or self._closed:
            self._put(line)
            return
        with self._lock:
            if self._bytes > PENDING_MAX_BYTES:
                self.dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            wake = len(self._lines) == 1
            full = urgent or self._bytes >= FLUSH_BYTES
        if wake:
            if self._thread is None:
                self._start()
            self._pending.set()
        if full:
            self._urgent.set()

    def close(self) -> None:
        """Write what waits, for up to 2 seconds; later lines are written by their caller."""
        self._closed = True
        self._pending.set()
        self._urgent.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            self._pending.wait()
            self._urgent.wait(self._interval)
            self._urgent.clear()
            self._pending.clear()
            with self._lock:
                lines, self._lines = self._lines, []
            self._put(b"".join(lines))
            with self._lock:  # counted until written, so that the limit also holds what is under way
                self._bytes = sum(map(len, self._lines))
                left = bool(self._lines)
            if left:
                self._pending.set()
            elif self._closed:
                return

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # somebody else made the terminal or pipe non-blocking
                threading.Event().wait(_RETRY_SECONDS)
            except OSError:
                with contextlib.suppress(OSError):  # nobody reads the log any more; there is nowhere left to say so
                    self.dropped += 1
                return
