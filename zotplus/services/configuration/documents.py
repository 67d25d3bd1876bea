"""What is set for a bucket: fields of its record, and documents beside it, changed in one place each."""

from collections.abc import Callable
from typing import Any

import msgspec

from zotplus.domain.errors import Fault, Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, BucketRecord
from zotplus.services.lookups import find_bucket


def change_bucket(transaction: Transaction, name: str, change: Callable[[BucketRecord], BucketRecord]) -> BucketRecord:
    """Give the bucket another record; the new one. Raises ``BUCKET_NOT_FOUND`` and what ``change`` raises."""
    changed = change(find_bucket(transaction, name))
    transaction.put(layout.bucket(name), BUCKET.encode(changed))
    return changed


def read_document(snapshot: Snapshot, bucket: BucketRecord, kind: str) -> bytes | None:
    """The bucket's document of that kind, or None; costs nothing where there is none."""
    return snapshot.get(layout.document(bucket.id, kind)) if kind in bucket.documents else None


def write_document(transaction: Transaction, name: str, kind: str, data: bytes | None) -> BucketRecord:
    """Set the bucket's document of that kind, or remove it (None); the bucket's record. Raises ``BUCKET_NOT_FOUND``."""

    def note(record: BucketRecord) -> BucketRecord:
        kinds = {*record.documents, kind} if data is not None else {*record.documents} - {kind}
        return msgspec.structs.replace(record, documents=tuple(sorted(kinds)))

    record = change_bucket(transaction, name, note)
    place = layout.document(record.id, kind)
    if data is None:
        transaction.delete(place)
    else:
        transaction.put(place, data)
    return record


class Documents:
    """The documents and fields of buckets, for faces and services. Every method raises ``BUCKET_NOT_FOUND``."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def bucket(self, name: str) -> BucketRecord:
        """The bucket's record, whose fields are its settings."""
        return await self._store.read(lambda snapshot: find_bucket(snapshot, name))

    async def change(self, name: str, **fields: Any) -> BucketRecord:
        """Set fields of the bucket's record; the new one."""
        return await self._store.write(
            lambda transaction: change_bucket(
                transaction, name, lambda record: msgspec.structs.replace(record, **fields)
            )
        )

    async def apply(self, name: str, change: Callable[[BucketRecord], BucketRecord]) -> BucketRecord:
        """Give the bucket the record that ``change`` makes of its present one. Raises what ``change`` raises."""
        return await self._store.write(lambda transaction: change_bucket(transaction, name, change))

    async def get(self, name: str, kind: str) -> bytes | None:
        """The document of that kind, or None."""
        return await self._store.read(lambda snapshot: read_document(snapshot, find_bucket(snapshot, name), kind))

    async def require(self, name: str, kind: str, missing: Fault) -> bytes:
        """As ``get``. Raises ``missing`` where there is none."""
        data = await self.get(name, kind)
        if data is None:
            raise Problem(missing, bucket=name)
        return data

    async def put(self, name: str, kind: str, data: bytes) -> None:
        """Set the document of that kind."""
        await self._store.write(lambda transaction: write_document(transaction, name, kind, data))

    async def delete(self, name: str, kind: str) -> None:
        """Remove the document of that kind; no error where there is none."""
        await self._store.write(lambda transaction: write_document(transaction, name, kind, None))
