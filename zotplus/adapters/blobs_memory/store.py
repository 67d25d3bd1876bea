"""The blob port over a dictionary. Every operation is one step of the event loop, so nothing is ever half there."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import CHUNK_BYTES, BlobInfo, require_digest


class _Blob(msgspec.Struct, frozen=True):
    """Content and when it was committed last, in seconds since the epoch."""

    content: bytes
    modified: float


class MemoryBlobWriter:
    """See ``ports.blobs.BlobWriter``."""

    def __init__(self, store: "BlobsMemory") -> None:
        self._store = store
        self.content = bytearray()
        self.touched = time.time()
        store.unfinished.add(self)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``."""
        self._require_unfinished()
        self._store.require_room(len(data))
        self.content += data
        self.touched = time.time()

    async def commit(self, digest: str) -> None:
        """Make the content visible as ``digest``."""
        require_digest(digest)
        self._require_unfinished()
        await asyncio.sleep(0)  # other tasks run before it is visible, as with every other engine
        self._store.blobs[digest] = _Blob(bytes(self.content), time.time())
        await self.cancel()

    async def cancel(self) -> None:
        """Drop what was written."""
        self._store.unfinished.discard(self)
        self.content = bytearray()

    def _require_unfinished(self) -> None:
        if self not in self._store.unfinished:
            raise Problem(errors.STORAGE_FAILED, "The blob was finished or swept away.")


class BlobsMemory:
    """See ``ports.blobs.Blobs``. ``capacity`` in bytes makes it full like a disk; None: as much as memory holds."""

    def __init__(self, *, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.blobs: dict[str, _Blob] = {}
        self.quarantined: dict[str, _Blob] = {}
        self.unfinished: set[MemoryBlobWriter] = set()
        self._closed = False

    def require_room(self, more: int) -> None:
        """Raise ``STORAGE_FULL`` when ``more`` bytes do not fit beside what is stored and what is being written."""
        if self.capacity is None:
            return
        kept = sum(len(blob.content) for blob in (*self.blobs.values(), *self.quarantined.values()))
        if kept + sum(len(writer.content) for writer in self.unfinished) + more > self.capacity:
            raise Problem(errors.STORAGE_FULL, "The blob store has no room.")

    async def create(self) -> MemoryBlobWriter:
        """Begin a blob."""
        await self.check()
        return MemoryBlobWriter(self)

    async def read(self, digest: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from ``offset`` in chunks."""
        blob = self.blobs.get(require_digest(digest))
        stop = offset + length if length is not None else len(blob.content) if blob else 0
        if blob is None or max(offset, stop) > len(blob.content):
            raise Problem(errors.BLOB_MISSING, digest=digest)
        for position in range(offset, stop, CHUNK_BYTES):
            yield blob.content[position : min(position + CHUNK_BYTES, stop)]

    async def stat(self, digest: str) -> BlobInfo | None:
        """What is stored under ``digest``, or None."""
        blob = self.blobs.get(require_digest(digest))
        return None if blob is None else BlobInfo(digest=digest, size=len(blob.content), modified=blob.modified)

    async def delete(self, digest: str, *, unchanged_since: float) -> bool:
        """Remove ``digest`` unless it was committed after ``unchanged_since``."""
        blob = self.blobs.get(require_digest(digest))
        if blob is not None and blob.modified > unchanged_since:
            return False
        self.blobs.pop(digest, None)
        return True

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, in order of their digest."""
        for digest in sorted(self.blobs):
            info = await self.stat(digest)
            if info is not None:
                yield info

    async def quarantine(self, digest: str) -> None:
        """Set a damaged blob aside."""
        blob = self.blobs.pop(require_digest(digest), None)
        if blob is not None:
            self.quarantined[digest] = blob

    async def sweep(self, older_than: float) -> int:
        """Drop writers last touched before ``older_than``."""
        stale = [writer for writer in self.unfinished if writer.touched < older_than]
        for writer in stale:
            await writer.cancel()
        return len(stale)

    async def check(self) -> None:
        """Raise when the store is closed."""
        if self._closed:
            raise Problem(errors.SHUTTING_DOWN)

    async def close(self) -> None:
        """Take nothing more."""
        self._closed = True
