"""A stream's newest file: lines go to its end, checkpoints are made durable, new files are begun.

Not for several threads at once. What the disk does not take is kept, since the chain's hash already covers it, and
is written with what comes next.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from zotplus.adapters.audit.files import FILE_MODE, FOLDER_MODE, name_of, sync_folder
from zotplus.adapters.audit.reserving import Reserve
from zotplus.adapters.audit.resuming import Broken, Left, look, take_up
from zotplus.domain import errors
from zotplus.domain.audit.chain import BLOCK_RECORDS, Chain, Signer
from zotplus.domain.audit.records import CheckpointKind
from zotplus.domain.audit.times import timestamp
from zotplus.domain.audit.verification import VerifySignature
from zotplus.domain.errors import Problem

_DAY = len("2026-01-01")


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """Which stream, where, and by whose key. ``file_bytes`` is the size after which a new file is begun."""

    name: str
    folder: Path
    signer: Signer
    verify: VerifySignature
    file_bytes: int = 64 << 20
    clock: Callable[[], float] = time.time
    write: Callable[[int, memoryview], int] = os.write


class Appender:
    """The end of one stream; ``head`` is the newest checkpoint that is durable."""

    def __init__(self, stream: Stream, head: bytes = b"") -> None:
        """Take the stream up. Raises ``DATA_DIR_BUSY`` where another process writes it, ``STORAGE_FAILED``."""
        self._stream = stream
        self._unwritten = bytearray()
        self._descriptor = -1
        self._reserve = Reserve(-1)
        self._size = self._first = 0
        self._day = ""
        self._chain = Chain(stream.name, stream.signer)
        self.head = head
        try:
            stream.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._lock = _locked(stream.folder)
            found = look(stream.folder, stream.name, head, stream.verify)
            if isinstance(found, Left):
                self._resume(found)
            else:
                self._begin(found)
        except OSError as error:
            raise Problem(errors.STORAGE_FAILED, f"The audit log cannot be opened: {error}") from error

    @property
    def seq(self) -> int:
        """The number of the last record."""
        return self._chain.seq

    @property
    def uncovered(self) -> int:
        """Records since the newest checkpoint."""
        return self._chain.uncovered

    @property
    def behind(self) -> int:
        """Bytes that the disk has not taken."""
        return len(self._unwritten)

    def renew(self) -> None:
        """Begin a new file for a new day, or where this one is large. Raises ``OSError``; then the old one stays."""
        day = self._now()[:_DAY]
        if (day == self._day and self._size < self._stream.file_bytes) or self._unwritten:
            return
        if self._chain.seq < self._first:  # it holds no record yet
            self._day = day
            return
        self.checkpoint(CheckpointKind.REGULAR)
        self._new_file(CheckpointKind.CONTINUED)

    def add(self, lines: Sequence[bytes]) -> None:
        """Append records with their line ends, and checkpoints where a block is full; ``flush`` writes them."""
        position = 0
        while position < len(lines):
            block = lines[position : position + BLOCK_RECORDS - self._chain.uncovered]
            position += len(block)
            self._unwritten += self._chain.add(block)
            if self._chain.uncovered >= BLOCK_RECORDS:
                self._unwritten += self._chain.checkpoint(CheckpointKind.REGULAR, self._now())

    def flush(self) -> None:
        """Hand everything to the system. Raises ``OSError``; what it has not taken is kept for the next time."""
        while self._unwritten:
            with memoryview(self._unwritten) as view:
                written = self._stream.write(self._descriptor, view)
            self._size += written
            del self._unwritten[:written]
        self._reserve.top_up(self._size)

    def checkpoint(self, kind: CheckpointKind) -> None:
        """Vouch for all records so far, durably. Raises ``OSError``; a later call makes up for it."""
        self.flush()
        if self._chain.uncovered or kind is not CheckpointKind.REGULAR:
            self._unwritten += self._chain.checkpoint(kind, self._now())
            self.flush()
        os.fdatasync(self._descriptor)
        self.head = self._chain.last

    def close(self) -> None:
        """Make the last checkpoint and let go. Raises ``OSError``."""
        try:
            self.checkpoint(CheckpointKind.CLOSED)
            self._reserve.give_back(self._size)
        finally:
            os.close(self._descriptor)
            os.close(self._lock)

    def _resume(self, left: Left) -> None:
        self._descriptor = os.open(left.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, left.size)
        self._size, self._first = left.size, int(left.path.stem)
        self._reserve = Reserve(self._descriptor)
        self._day = timestamp(os.fstat(self._descriptor).st_mtime)[:_DAY]
        self._chain, line = take_up(left, self._stream.name, self._stream.signer, self._now)
        self._unwritten += line
        with contextlib.suppress(OSError):  # a full disk does not end reading: the next flush tells
            self.checkpoint(CheckpointKind.REGULAR)

    def _begin(self, broken: Broken | None) -> None:
        seq = 0 if broken is None else broken.seq
        self._chain = Chain(self._stream.name, self._stream.signer, seq=seq)
        self._new_file(CheckpointKind.BEGUN if broken is None else CheckpointKind.BROKEN)

    def _new_file(self, kind: CheckpointKind) -> None:
        first = self._chain.seq + 1
        path = self._stream.folder / name_of(first)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        sync_folder(self._stream.folder)
        if self._descriptor >= 0:
            self._reserve.give_back(self._size)
            os.close(self._descriptor)
        self._descriptor, self._first, self._size, self._day = descriptor, first, 0, self._now()[:_DAY]
        self._reserve = Reserve(descriptor)
        with contextlib.suppress(OSError):  # as above
            self.checkpoint(kind)

    def _now(self) -> str:
        return timestamp(self._stream.clock())


def _locked(folder: Path) -> int:
    """A lock on the stream, kept by its descriptor."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Problem(errors.DATA_DIR_BUSY, f"Another process writes the audit stream {folder.name}.") from error
    return descriptor
