"""``ports.audit.AuditLog``: one process's stream, written by a thread, some five times a second.

The loop numbers and encodes each record while it is at hand: later it would have to be fetched into the caches again,
which costs as much as encoding it. Hashing, signing and writing happen in the thread, where they release the
interpreter's lock for most of their time.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from zotplus.adapters.audit.appending import Appender
from zotplus.domain.audit.records import CheckpointKind, EventKind, Record, encode
from zotplus.domain.audit.times import timestamp

log = structlog.get_logger("zotplus.audit")

INTERVAL_SECONDS = 0.2
"""How long records wait to be written together: waking the thread takes the interpreter's lock from the loop."""
URGENT_SECONDS = 1.0
"""How long what is urgent waits for its checkpoint at most."""
PENDING_MAX_BYTES = 16 << 20
"""What may wait while the disk takes nothing: a minute of some hundred requests a second. More is counted as lost."""
_CLOSE_SECONDS = 10.0


class AuditStream:
    """The records of this process. ``head`` is the newest durable checkpoint's line, for the store to keep."""

    def __init__(
        self, appender: Appender, *, checkpoint_seconds: float = 5.0, interval: float = INTERVAL_SECONDS
    ) -> None:
        self._appender = appender
        self._checkpoint_seconds = checkpoint_seconds
        self._interval = interval
        self._seq = appender.seq
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._taken: list[bytes] = []
        self._lines: list[bytes] = []
        self._bytes = 0
        self._lost = 0
        self._failure = ""
        self._checkpointed = time.monotonic()
        self._is_urgent = False
        self._pending = threading.Event()
        self._urgent = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def is_failing(self) -> bool:
        """See ``AuditLog.is_failing``."""
        return bool(self._failure)

    @property
    def failure(self) -> str:
        """Why the disk takes nothing; empty where it does."""
        return self._failure

    @property
    def head(self) -> bytes:
        """The newest checkpoint that is on disk."""
        return self._appender.head

    def take(self, record: Record) -> None:
        """See ``AuditLog.take``."""
        if self._bytes > PENDING_MAX_BYTES or self._closed:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._take(Record(0, timestamp(time.time()), EventKind.LOST, details={"records": lost}))
        self._take(record)

    def append(self, records: Sequence[Record], *, urgent: bool = False) -> None:
        """``take`` all of them and ``hand_over``."""
        for record in records:
            self.take(record)
        self.hand_over(urgent=urgent)

    def hand_over(self, *, urgent: bool = False) -> None:
        """See ``AuditLog.hand_over``."""
        if not self._taken:
            return
        lines, self._taken = self._taken, []
        with self._lock:
            self._lines += lines
            self._bytes += sum(map(len, lines))
        if self._thread is None:
            self._start()
        if not self._pending.is_set():
            self._pending.set()
        if urgent:
            self._is_urgent = True
            self._urgent.set()

    def flush(self) -> None:
        """Write and vouch for everything that was appended, before it returns."""
        self._write(checkpoint=True)

    def close(self) -> None:
        """Write what waits and make the last checkpoint."""
        self._closed = True
        self._pending.set()
        self._urgent.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)
        self._write(checkpoint=False)  # closing makes one
        try:
            self._appender.close()
        except OSError as error:
            log.error("audit_not_closed", reason=str(error))  # noqa: TRY400 - the disk's reason says all

    def _take(self, record: Record) -> None:
        self._seq += 1
        record.seq = self._seq
        try:
            self._taken.append(encode(record) + b"\n")
        except (UnicodeEncodeError, TypeError):
            self._taken.append(encode(_plain(record)) + b"\n")

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            is_due_later = bool(self._appender.uncovered or self._failure)
            self._pending.wait(self._patience if is_due_later else None)
            self._urgent.wait(self._interval)
            self._urgent.clear()
            self._pending.clear()
            self._write(checkpoint=time.monotonic() - self._checkpointed >= self._patience)

    @property
    def _patience(self) -> float:
        """Seconds from one checkpoint to the next."""
        return min(self._checkpoint_seconds, URGENT_SECONDS) if self._is_urgent else self._checkpoint_seconds

    def _write(self, *, checkpoint: bool) -> None:
        with self._writing:
            try:
                self._write_all(checkpoint=checkpoint)
            except OSError as error:
                if not self._failure:
                    log.error("audit_not_written", reason=str(error))  # noqa: TRY400 - as above
                self._failure = str(error)
            else:
                if self._failure:
                    log.warning("audit_written_again")
                self._failure = ""
            with self._lock:
                self._bytes = self._appender.behind + sum(map(len, self._lines))

    def _write_all(self, *, checkpoint: bool) -> None:
        appender = self._appender
        with self._lock:
            lines, self._lines = self._lines, []
        try:
            if lines:
                appender.renew()
        finally:  # where that failed, the old file is gone on with
            appender.add(lines)
        appender.flush()
        if appender.uncovered and checkpoint:
            self._is_urgent = False
            appender.checkpoint(CheckpointKind.REGULAR)
            self._checkpointed = time.monotonic()


def _plain(value: Any) -> Any:
    """``value`` with what is no UTF-8 escaped: a client chooses paths and names."""
    match value:
        case EventKind():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_plain(name): _plain(inner) for name, inner in value.items()}
        case tuple():
            return tuple([_plain(inner) for inner in value])
        case msgspec.Struct():
            return type(value)(**{name: _plain(inner) for name, inner in msgspec.structs.asdict(value).items()})
        case bool() | int() | float() | None:
            return value
        case _:
            return _plain(str(value))
