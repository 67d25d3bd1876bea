"""Sending slices of stored blobs straight from their files, verified block by block.

A blob's record holds a CRC32C for every 1 MiB block. A block is checked before its bytes are sent, once per file and
worker: what was checked is remembered under the file's identity (inode, size, change time), so a warm blob goes out by
``sendfile`` alone and a file that was touched is checked again.

An encrypted blob is read, opened and sent a run of frames at a time; opening proves it, so nothing else is checked, and
no byte of a frame is sent before the frame was found authentic.
"""

import os
import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from zotplus.domain import errors
from zotplus.domain.encryption.framing import FRAME_BYTES, Opener, sealed_size
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums
from zotplus.gateway.transport.transfer import HeadPump, Progress, send, wait_briefly
from zotplus.gateway.transport.verified import damage
from zotplus.services.content.contents import runs
from zotplus.services.values import Slice

REMEMBERED_FILES = 4096
RECHECK_SECONDS = 24 * 3600.0
RUN_BYTES = 4 * FRAME_BYTES
"""Plaintext of an encrypted blob that is opened at a time: what is read, opened and sent stays in a core's cache, which
costs a quarter less than 1 MiB at a time."""

Identity = tuple[int, int, int]


class VerifiedBlocks:
    """Which blocks of which files were found intact by this worker."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[Identity, float, bytearray]] = OrderedDict()

    def of(self, digest: str, identity: Identity, blocks: int) -> bytearray:
        """One byte per block, non-zero where it was verified; forgotten when the file changed or after a day."""
        known = self._files.get(digest)
        now = time.monotonic()
        if known is not None and known[0] == identity and now - known[1] < RECHECK_SECONDS:
            self._files.move_to_end(digest)
            return known[2]
        fresh = bytearray(blocks)
        self._files[digest] = (identity, now, fresh)
        if len(self._files) > REMEMBERED_FILES:
            self._files.popitem(last=False)
        return fresh


class StoredPump:
    """Sends a response head and then ``slices`` from the files that ``path_of`` names."""

    source = -1

    def __init__(
        self, head: bytes, slices: Sequence[Slice], path_of: Callable[[str], str], verified: VerifiedBlocks
    ) -> None:
        self._head = HeadPump(head)
        self._slices = list(reversed(slices))
        self._path_of = path_of
        self._verified = verified
        self._current: _OpenSlice | _SealedSlice | None = None
        self._started = False

    def run(self, sink: socket.socket, until: float) -> Progress:
        """As ``Pump.run``. Raises ``BLOB_MISSING``, ``BLOB_CORRUPT`` before the first byte, ``OSError`` later."""
        try:
            return self._run(sink, until)
        except Problem as problem:
            digest = self._current.digest if self._current is not None else problem.fields.get("digest", "")
            found = damage(problem, str(digest))
            if self._started:
                raise ConnectionError(found.detail) from problem
            raise found from problem

    def _run(self, sink: socket.socket, until: float) -> Progress:
        while (current := self._open()) is not None:
            ready = current.verified_ahead()
            self._started = True
            if (progress := self._head.run(sink)) is not Progress.DONE:
                return progress
            if not current.send(sink, ready):
                return Progress.WANTS_WRITE
            if current.left == 0:
                self.close()
            if time.monotonic() > until:
                return Progress.YIELD
        return Progress.DONE

    def _open(self) -> "_OpenSlice | _SealedSlice | None":
        if self._current is None and self._slices:
            piece = self._slices.pop()
            path = self._path_of(piece.digest)
            if piece.opener is None:
                self._current = _OpenSlice(piece, path, self._verified)
            else:
                self._current = _SealedSlice(piece, path, piece.opener)
        return self._current

    def close(self) -> None:
        """Close the file at hand."""
        if self._current is not None:
            os.close(self._current.file)
            self._current = None


class _OpenSlice:
    """The slice being sent: its open file and how far it is sent and verified."""

    def __init__(self, piece: Slice, path: str, verified: VerifiedBlocks) -> None:
        self.file = _opened_file(piece, path)
        self.digest = piece.digest
        self._position = piece.offset
        self.left = piece.length
        found = os.fstat(self.file)
        self._size = found.st_size
        if found.st_size < piece.offset + piece.length:
            os.close(self.file)
            raise Problem(errors.BLOB_CORRUPT, digest=piece.digest)
        self._sums = ChunkSums.from_bytes(piece.sums) if piece.sums else None
        identity = (found.st_ino, found.st_size, found.st_ctime_ns)
        self._blocks = verified.of(piece.digest, identity, found.st_size // BLOCK_SIZE + 1)

    def verified_ahead(self) -> int:
        """How many bytes from here may be sent now; checks the block at hand where nobody has yet."""
        if self._sums is None:
            return self.left
        first = self._position // BLOCK_SIZE
        last = (self._position + self.left - 1) // BLOCK_SIZE
        block = first
        while block <= last and self._blocks[block]:
            block += 1
        if block == first:
            data = os.pread(self.file, BLOCK_SIZE, block * BLOCK_SIZE)
            self._sums.verify(block, data)
            self._blocks[block] = 1
            block += 1
        return min(self.left, block * BLOCK_SIZE - self._position)

    def send(self, sink: socket.socket, ready: int) -> bool:
        """Send ``ready`` bytes; False when the socket takes no more for now."""
        while ready:
            try:
                sent = os.sendfile(sink.fileno(), self.file, self._position, ready)
            except BlockingIOError:
                sent = -1
            if sent == 0:
                raise Problem(errors.BLOB_CORRUPT, digest=self.digest)
            if sent > 0:
                self._position += sent
                self.left -= sent
                ready -= sent
            if ready and not wait_briefly(sink, select.POLLOUT):  # it took less: asking again would tell only that
                return False
        return True


class _SealedSlice:
    """The encrypted slice being sent: its open file, and what is decrypted and not sent yet."""

    def __init__(self, piece: Slice, path: str, opener: Opener) -> None:
        self.file = _opened_file(piece, path)
        self.digest = piece.digest
        self.left = piece.length
        self._opener = opener
        self._runs = runs(piece, RUN_BYTES)
        self._opened = memoryview(bytearray(min(RUN_BYTES, piece.length + 2 * FRAME_BYTES)))
        self._ready = memoryview(b"")

    def verified_ahead(self) -> int:
        """How many bytes may be sent now; opens the next run where all before it are sent."""
        if not self._ready:
            start, stop = next(self._runs)
            offset, length = self._opener.stored_run(start, stop)
            sealed = _sealed_buffer()[:length]
            found = os.preadv(self.file, [sealed], offset)
            self._ready = self._opener.open_into(sealed[:found], start, stop, self._opened)
        return len(self._ready)

    def send(self, sink: socket.socket, ready: int) -> bool:
        """Send ``ready`` bytes; False when the socket takes no more for now."""
        self._ready = send(sink, self._ready[:ready])
        self.left -= ready - len(self._ready)
        return not self._ready


class _Kept(threading.local):
    """What each thread keeps from run to run: it is opened before anybody else has a turn."""

    sealed: memoryview | None = None


_kept = _Kept()


def _sealed_buffer() -> memoryview:
    if _kept.sealed is None:
        _kept.sealed = memoryview(bytearray(sealed_size(RUN_BYTES)))
    return _kept.sealed


def _opened_file(piece: Slice, path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as missing:
        raise Problem(errors.BLOB_MISSING, digest=piece.digest) from missing
