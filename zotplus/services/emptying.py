"""Taking content out of a bucket that has no name any more, a batch at a time; purge and the collector call it."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import release
from zotplus.records.buckets import PURGING
from zotplus.records.objects import decode_object
from zotplus.records.uploads import PART
from zotplus.services.configuration.usage import discharge_parts

BATCH = 1_000
"""Records that one transaction removes: a few milliseconds, so that other writers are not kept waiting."""


class Emptied(msgspec.Struct, frozen=True):
    """What one batch did: how many objects went, and whether nothing is left."""

    objects: int
    done: bool


async def empty_bucket(store: KeyValue, bucket_id: bytes, now_ms: int) -> int:
    """Remove all that a removed bucket still holds, then its place in the ``purging`` table; how many objects."""
    removed = 0
    while True:
        batch = await store.write(lambda transaction: empty_batch(transaction, bucket_id, now_ms))
        removed += batch.objects
        if batch.done:
            return removed


def empty_batch(transaction: Transaction, bucket_id: bytes, now_ms: int) -> Emptied:
    """Remove up to ``BATCH`` records of the bucket: versions first, then what else it has, parts and uploads."""
    objects = _first(transaction, layout.objects(bucket_id), BATCH)
    objects += _first(transaction, layout.versions(bucket_id), BATCH - len(objects))
    for key, value in objects:
        release(transaction, decode_object(value)[0].slices, now_ms)
        transaction.delete(key)
    room = BATCH - len(objects)
    for prefix in (layout.null_versions(bucket_id), layout.documents(bucket_id), layout.usage(bucket_id)):
        rest = _first(transaction, prefix, room)
        for key, _ in rest:
            transaction.delete(key)
        room -= len(rest)
    for key, _ in _first(transaction, layout.uploads(bucket_id), room):
        room -= remove_upload(transaction, key, now_ms, room)
        if room <= 0:
            break
    if room <= 0:
        _note(transaction, bucket_id, len(objects))
        return Emptied(len(objects), done=False)
    transaction.delete(layout.purging(bucket_id))
    return Emptied(len(objects), done=True)


def _note(transaction: Transaction, bucket_id: bytes, removed: int) -> None:
    """Say how far it has come."""
    place = layout.purging(bucket_id)
    data = transaction.get(place)
    if data is not None and removed:
        record = PURGING.decode(data)
        transaction.put(place, PURGING.encode(msgspec.structs.replace(record, removed=record.removed + removed)))


def remove_upload(transaction: Transaction, upload_key: bytes, now_ms: int, limit: int) -> int:
    """Remove up to ``limit`` parts of the upload at ``upload_key``, and the upload with its last; how many records."""
    _, upload_id = layout.split_upload(upload_key)
    parts, size = _first(transaction, layout.parts(upload_id), limit), 0
    for key, value in parts:
        record = PART.decode(value)
        size += record.size
        release(transaction, record.slices, now_ms)
        transaction.delete(key)
    discharge_parts(transaction, layout.bucket_of_upload(upload_key), size)
    if len(parts) == limit:
        return limit
    transaction.delete(upload_key)
    return len(parts) + 1


def holds_objects(snapshot: Snapshot, bucket_id: bytes) -> bool:
    """Whether the bucket holds an object, an earlier version or a delete marker."""
    return any(_first(snapshot, prefix, 1) for prefix in (layout.objects(bucket_id), layout.versions(bucket_id)))


def _first(snapshot: Snapshot, prefix: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Up to ``limit`` pairs under ``prefix``, read before anything changes."""
    found: Iterator[tuple[bytes, bytes]] = snapshot.scan(*layout.table_span(prefix))
    return list(islice(found, limit))
