"""References to blobs: counted in the very transactions that change objects and parts.

A blob whose last reference goes is entered under the time when that happened; the collector removes it after a grace
period. ``acquire`` and ``release`` are the only places that change a count.
"""

from collections.abc import Iterable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.objects import SliceRecord
from zotplus.records.shape import Shape


class ReferenceRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How many slices refer to a blob of ``size`` bytes; ``zero_since_ms`` is set while there are none."""

    count: int
    size: int
    zero_since_ms: int | None = None


class HoldRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Nothing is collected until ``until_ms``; ``reason`` is for people. A backup renews its hold while it runs."""

    until_ms: int
    reason: str


REFERENCE = Shape(b"R\x01", ReferenceRecord)
HOLD = Shape(b"H\x01", HoldRecord)


class NewBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A blob just committed: ``digest`` of 32 bytes, ``size``, and its block checksums (``ChunkSums.to_bytes``)."""

    digest: bytes
    size: int
    sums: bytes


def find_reference(snapshot: Snapshot, digest: bytes) -> ReferenceRecord | None:
    """The reference record of ``digest``, or None."""
    data = snapshot.get(layout.reference(digest))
    return None if data is None else REFERENCE.decode(data)


def introduce(transaction: Transaction, blob: NewBlob) -> None:
    """Count one reference to a blob that may be new to the store."""
    record = find_reference(transaction, blob.digest)
    if record is None:
        transaction.put(layout.block_sums(blob.digest), blob.sums)
        record = ReferenceRecord(count=0, size=blob.size)
    _set_count(transaction, blob.digest, record, record.count + 1, 0)


def acquire(transaction: Transaction, slices: Iterable[SliceRecord]) -> None:
    """Count one more reference for each of ``slices``, whose blobs are all referred to already.

    Raises ``BLOB_MISSING`` for a blob without a record: the store is damaged, and nothing must come to rely on it.
    """
    for piece in slices:
        record = find_reference(transaction, piece.digest)
        if record is None:
            raise Problem(errors.BLOB_MISSING, digest=piece.digest.hex())
        _set_count(transaction, piece.digest, record, record.count + 1, 0)


def release(transaction: Transaction, slices: Iterable[SliceRecord], now_ms: int) -> None:
    """Count one reference less for each of ``slices``. What is missing or zero already is left for the scrub."""
    for piece in slices:
        record = find_reference(transaction, piece.digest)
        if record is not None and record.count > 0:
            _set_count(transaction, piece.digest, record, record.count - 1, now_ms)


def correct(transaction: Transaction, digest: bytes, count: int, size: int, now_ms: int) -> None:
    """Set the count of ``digest`` to what was found by counting."""
    record = find_reference(transaction, digest) or ReferenceRecord(count=0, size=size)
    _set_count(transaction, digest, record, count, now_ms)


def forget(transaction: Transaction, since_ms: int, digest: bytes) -> bool:
    """Remove the records of a blob that has had no reference since ``since_ms``; False when it has some again."""
    transaction.delete(layout.unreferenced(since_ms, digest))
    record = find_reference(transaction, digest)
    if record is None or record.count > 0 or record.zero_since_ms != since_ms:
        return False
    transaction.delete(layout.reference(digest))
    transaction.delete(layout.block_sums(digest))
    return True


def holds_end_ms(snapshot: Snapshot) -> int:
    """When the last hold on collection ends, in milliseconds since the epoch; 0 without holds."""
    return max((HOLD.decode(value).until_ms for _, value in snapshot.scan(*layout.table_span(layout.HOLDS))), default=0)


def _set_count(transaction: Transaction, digest: bytes, record: ReferenceRecord, count: int, now_ms: int) -> None:
    if record.zero_since_ms is not None:
        transaction.delete(layout.unreferenced(record.zero_since_ms, digest))
    zero_since_ms = now_ms if count == 0 else None
    changed = ReferenceRecord(count=count, size=record.size, zero_since_ms=zero_since_ms)
    transaction.put(layout.reference(digest), REFERENCE.encode(changed))
    if zero_since_ms is not None:
        transaction.put(layout.unreferenced(zero_since_ms, digest), b"")
