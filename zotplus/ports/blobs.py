"""Content storage: immutable byte strings named by their SHA-256.

Every adapter passes ``tests/contracts/blobs.py``. Names are lower-case hexadecimal digests (64 characters).
"""

import re
from collections.abc import AsyncIterator
from typing import Final, Protocol, runtime_checkable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

CHUNK_BYTES: Final = 1024 * 1024
"""Content is read in chunks of at most this many bytes."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")


def require_digest(digest: str) -> str:
    """``digest`` if it may name a blob; every adapter asks before it uses a name. Raises ``DIGEST_MALFORMED``."""
    if not _DIGEST.fullmatch(digest):
        raise Problem(errors.DIGEST_MALFORMED, "A blob is named by 64 lower-case hexadecimal digits.")
    return digest


class BlobInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A stored blob: ``digest`` in hexadecimal, ``size`` in bytes, ``modified`` in seconds since the epoch."""

    digest: str
    size: int
    modified: float


class BlobWriter(Protocol):
    """A blob under way: invisible until ``commit`` returns. Exactly one of ``commit`` and ``cancel`` ends it."""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``. The buffer may be reused once this returns. Raises ``STORAGE_FULL``, ``STORAGE_FAILED``."""
        ...

    async def commit(self, digest: str) -> None:
        """Make the content durable and visible as ``digest`` (the caller hashed it); its ``modified`` becomes now.

        Idempotent over equal content: a blob that is there already is replaced by its equal, and never absent for
        a moment. When this returns the blob survives a crash: file and folders are synced (``fsync: always``).
        """
        ...

    async def cancel(self) -> None:
        """Drop what was written. Safe after a failed ``write`` or ``commit``, and twice."""
        ...


class Blobs(Protocol):
    """The store. Raises ``Problem``: ``STORAGE_FULL``, ``STORAGE_FAILED``, and ``BLOB_MISSING`` where said."""

    async def create(self) -> BlobWriter:
        """Begin a blob."""
        ...

    def read(self, digest: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from ``offset``, ``length`` bytes of it or to the end, in chunks of at most 1 MiB.

        A blob deleted while it is being read is still delivered whole. Raises ``BLOB_MISSING`` when it is not there or
        is shorter than asked for.
        """
        ...

    async def stat(self, digest: str) -> BlobInfo | None:
        """What is stored under ``digest``, or None."""
        ...

    async def delete(self, digest: str, *, unchanged_since: float) -> bool:
        """Remove ``digest`` unless it was committed (again) after ``unchanged_since``; whether it is gone.

        A commit of equal content that runs at the same time never loses: the blob is there afterwards.
        """
        ...

    def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, in order of their digest; changes made meanwhile may or may not show."""
        ...

    async def quarantine(self, digest: str) -> None:
        """Set a damaged blob aside, so that it is served no more but can be looked at. Idempotent."""
        ...

    async def sweep(self, older_than: float) -> int:
        """Remove unfinished writers' leftovers last touched before ``older_than`` (epoch seconds); how many."""
        ...

    async def check(self) -> None:
        """Prove that the store can be written (readiness). Raises ``Problem`` when not."""
        ...

    async def close(self) -> None:
        """Release the engine. Idempotent."""
        ...


@runtime_checkable
class SupportsLocalPath(Protocol):
    """An ability: blobs are local files, so they can go to a socket without passing through the program."""

    def local_path(self, digest: str) -> str:
        """Where ``digest`` would be; it need not exist."""
        ...
