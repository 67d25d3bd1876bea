"""The blob port over the stores of storage classes: a blob's address says which of them holds it."""

from collections.abc import AsyncIterator, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import BlobInfo, Blobs, BlobWriter, SupportsLocalPath, join_address, split_address


class LocalBlobs(Blobs, SupportsLocalPath, Protocol):
    """A store whose blobs are local files."""


B = TypeVar("B", bound=Blobs)


class BlobsByClass(Generic[B]):
    """See ``ports.blobs.Blobs`` and ``SupportsClasses``. ``stores`` are those of the classes, warmest first.

    A class that is no longer in the settings has no store here: what it held cannot be read until it is back.
    """

    def __init__(self, default: B, stores: Mapping[str, B]) -> None:
        self._default = default
        self._stores = dict(stores)
        self.classes = tuple(self._stores)

    def _store_of(self, address: str) -> tuple[B, str]:
        digest, storage_class = split_address(address)
        return self._store(storage_class), digest

    def _store(self, storage_class: str) -> B:
        if not storage_class:
            return self._default
        store = self._stores.get(storage_class)
        if store is None:
            raise Problem(errors.STORAGE_FAILED, f"The storage class {storage_class} is not in storage_classes.")
        return store

    def _all(self) -> tuple[B, ...]:
        return (self._default, *self._stores.values())

    async def create(self) -> BlobWriter:
        """Begin a blob of no class."""
        return await self._default.create()

    async def create_in(self, storage_class: str) -> BlobWriter:
        """Begin a blob of a class."""
        return _ClassWriter(await self._store(storage_class).create(), storage_class)

    async def read(self, digest: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from ``offset`` in chunks."""
        store, own = self._store_of(digest)
        async for chunk in store.read(own, offset, length):
            yield chunk

    async def stat(self, digest: str) -> BlobInfo | None:
        """What is stored under ``digest``, or None."""
        store, own = self._store_of(digest)
        found = await store.stat(own)
        return None if found is None else msgspec.structs.replace(found, digest=digest)

    async def delete(self, digest: str, *, unchanged_since: float) -> bool:
        """Remove ``digest`` unless it was committed after ``unchanged_since``."""
        store, own = self._store_of(digest)
        return await store.delete(own, unchanged_since=unchanged_since)

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, in order of their digest within each store."""
        async for info in self._default.list():
            yield info
        for name, store in self._stores.items():
            async for info in store.list():
                yield msgspec.structs.replace(info, digest=join_address(info.digest, name))

    async def quarantine(self, digest: str) -> None:
        """Set a damaged blob aside, within its own store."""
        store, own = self._store_of(digest)
        await store.quarantine(own)

    async def sweep(self, older_than: float) -> int:
        """Remove unfinished writers' leftovers in all stores."""
        return sum([await store.sweep(older_than) for store in self._all()])

    async def check(self) -> None:
        """Prove that every store can be written."""
        for store in self._all():
            await store.check()

    async def close(self) -> None:
        """Release all of them."""
        for store in self._all():
            await store.close()


class LocalBlobsByClass(BlobsByClass[LocalBlobs]):
    """As ``BlobsByClass`` where all stores are local files, which can then go to a socket by themselves."""

    def local_path(self, digest: str) -> str:
        """Where ``digest`` would be."""
        store, own = self._store_of(digest)
        return store.local_path(own)


class _ClassWriter:
    """A blob under way in the store of a class; it is committed under its whole address."""

    def __init__(self, writer: BlobWriter, storage_class: str) -> None:
        self._writer = writer
        self._storage_class = storage_class

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``."""
        await self._writer.write(data)

    async def commit(self, digest: str) -> None:
        """Make the content visible. Raises ``DIGEST_MALFORMED`` for an address of another class."""
        own, storage_class = split_address(digest)
        if storage_class != self._storage_class:
            raise Problem(errors.DIGEST_MALFORMED, "The address is one of another storage class.")
        await self._writer.commit(own)

    async def cancel(self) -> None:
        """Drop what was written."""
        await self._writer.cancel()
