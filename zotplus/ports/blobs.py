"""Content storage: immutable byte strings named by their SHA-256.

Every adapter passes ``tests/contracts/blobs.py``. Names are lower-case hexadecimal digests (64 characters). Where some
storage classes have stores of their own (``SupportsClasses``), a blob there is named by its *address*: the digest with
the name of the class in hexadecimal behind it. So the same content in two stores is two blobs with counts of their own,
and what has no class is named as ever.
"""

import re
from collections.abc import AsyncIterator
from typing import Final, Protocol, runtime_checkable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

CHUNK_BYTES: Final = 1024 * 1024
"""Content is read in chunks of at most this many bytes."""

DIGEST_BYTES: Final = 32
"""Bytes of a SHA-256."""
CLASS_NAME: Final = "[A-Z][A-Z0-9_]{0,31}"
"""What a storage class can be called: bounded, since the name is part of keys in the metadata store."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_CLASS: Final = re.compile(CLASS_NAME)


def require_digest(digest: str) -> str:
    """``digest`` if it may name a blob; every adapter asks before it uses a name. Raises ``DIGEST_MALFORMED``."""
    if not _DIGEST.fullmatch(digest):
        raise Problem(errors.DIGEST_MALFORMED, "A blob is named by 64 lower-case hexadecimal digits.")
    return digest


def split_address(address: str) -> tuple[str, str]:
    """Digest and storage class (empty where it has none). Raises ``DIGEST_MALFORMED``."""
    digest = require_digest(address[: 2 * DIGEST_BYTES])
    if digest == address:
        return digest, ""
    try:
        storage_class = bytes.fromhex(address[2 * DIGEST_BYTES :]).decode("ascii")
    except ValueError:
        storage_class = ""
    if not _CLASS.fullmatch(storage_class) or join_address(digest, storage_class) != address:
        raise Problem(errors.DIGEST_MALFORMED, "A blob's digest is followed by no storage class.")
    return digest, storage_class


def join_address(digest: str, storage_class: str) -> str:
    """The address of ``digest`` in the store of a class, empty for that of no class."""
    return digest + storage_class.encode().hex()


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


@runtime_checkable
class SupportsClasses(Protocol):
    """An ability: some storage classes have a store of their own."""

    classes: tuple[str, ...]
    """Their names, warmest first."""

    async def create_in(self, storage_class: str) -> BlobWriter:
        """Begin a blob of that class, to be committed under its address. Raises ``STORAGE_FAILED`` without a store."""
        ...


def class_suffix(blobs: Blobs, storage_class: str) -> bytes:
    """What follows the digest of new content of that class; nothing for a class without a store of its own."""
    has_store = isinstance(blobs, SupportsClasses) and storage_class in blobs.classes
    return storage_class.encode() if has_store else b""


async def create_with(blobs: Blobs, suffix: bytes) -> BlobWriter:
    """Begin a blob that will be committed with ``suffix`` behind its digest. Raises ``STORAGE_FAILED``."""
    if not suffix:
        return await blobs.create()
    if not isinstance(blobs, SupportsClasses):
        raise Problem(errors.STORAGE_FAILED, f"There is no store for the storage class {suffix.decode()}.")
    return await blobs.create_in(suffix.decode())
