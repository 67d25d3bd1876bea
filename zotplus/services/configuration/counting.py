"""Counts of what buckets hold: told, bounded by quotas, made for buckets of older releases, and proven.

One snapshot holds both a count and what it should be, and every later change adds to what is recorded; so a count can
be made or corrected exactly while writers go on: what is recorded then, plus what the walk over the snapshot found,
less what was recorded in that snapshot.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, SupportsImmediateRead, Transaction
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, USAGE, BucketRecord, UsageRecord
from zotplus.records.objects import decode_object
from zotplus.records.uploads import PART
from zotplus.services.configuration.documents import change_bucket
from zotplus.services.configuration.usage import find_usage
from zotplus.services.lookups import find_bucket

T = TypeVar("T")

_EMPTY = UsageRecord(size=0, objects=0, parts=0)
_UNCOUNTED = UsageRecord(size=0, objects=0, counting=True, parts=0)


class BucketUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket holds and may hold: bytes of all versions, and how many (delete markers do not count).

    ``counted`` is False while that is not known yet. ``parts`` are the bytes of the parts of unfinished uploads, which
    a quota bounds too, 0 until they are counted; a quota is 0 where there is none.
    """

    bucket: str
    size: int
    objects: int
    parts: int
    counted: bool
    quota_bytes: int = 0
    quota_objects: int = 0


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket whose recorded count was not what it held in one and the same snapshot.

    Both are bytes, versions, and bytes of parts.
    """

    bucket: str
    recorded: tuple[int, int, int | None]
    counted: tuple[int, int, int]


class _Found(msgspec.Struct, frozen=True):
    """Bytes, versions and bytes of parts that a walk found.

    ``unreadable`` records count as nothing, so a count says little then.
    """

    size: int
    objects: int
    parts: int
    unreadable: int


class Usage:
    """Counts and quotas over the key-value port. Every method that names a bucket raises ``BUCKET_NOT_FOUND``."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def read(self, name: str) -> BucketUsage:
        """What the bucket holds."""
        return await self._store.read(lambda snapshot: _usage(snapshot, name, find_bucket(snapshot, name)))

    async def read_all(self) -> dict[str, BucketUsage]:
        """What all buckets hold, by name; the caller filters by rights."""

        def collect(snapshot: Snapshot) -> dict[str, BucketUsage]:
            return {name: _usage(snapshot, name, record) for name, record in _buckets(snapshot)}

        return await self._store.read(collect)

    async def set_quota(self, name: str, quota_bytes: int, quota_objects: int) -> BucketUsage:
        """Bound the bucket, 0 for no bound. What it holds already may be more: it can only shrink then."""

        def bound(transaction: Transaction) -> BucketUsage:
            record = change_bucket(
                transaction,
                name,
                lambda old: msgspec.structs.replace(old, quota_bytes=quota_bytes, quota_objects=quota_objects),
            )
            return _usage(transaction, name, record)

        return await self._store.write(bound)

    async def count_uncounted(self) -> int:
        """Count the buckets that have no count yet, or whose count was broken off; how many."""

        def uncounted(snapshot: Snapshot) -> list[tuple[str, BucketRecord]]:
            held = [(name, record, find_usage(snapshot, record)) for name, record in _buckets(snapshot)]
            return [(name, record) for name, record, usage in held if usage is None or not usage.is_whole]

        found = await self._store.read(uncounted)
        for name, record in found:
            # 1. From here on every change adds to the record, though nobody knows yet to what.
            await self._store.write(partial(_begin, bucket=record))
            await self._correct(name, record)
        return len(found)

    async def prove(self, *, repair: bool) -> list[Drift]:
        """Count every bucket; those whose record is wrong, which ``repair`` corrects."""
        found = []
        for name, record in await self._store.read(lambda snapshot: list(_buckets(snapshot))):
            drift = await self._compare(name, record)
            if drift is None:
                continue
            found.append(drift)
            if repair:
                await self._correct(name, record)
        return found

    async def _compare(self, name: str, bucket: BucketRecord) -> Drift | None:
        recorded, found = await self._walk(partial(_both, bucket=bucket))
        if recorded is None or not recorded.is_whole or found.unreadable:
            return None
        said, counted = (recorded.size, recorded.objects, recorded.parts), (found.size, found.objects, found.parts)
        return None if said == counted else Drift(bucket=name, recorded=said, counted=counted)

    async def _correct(self, name: str, bucket: BucketRecord) -> None:
        """Make the record what it should be, whatever was added since the walk began."""
        recorded, found = await self._walk(partial(_both, bucket=bucket))
        if recorded is None:
            return
        size, objects = found.size - recorded.size, found.objects - recorded.objects
        parts = found.parts - (recorded.parts or 0)

        def add(transaction: Transaction) -> None:
            now = find_usage(transaction, bucket)
            data = transaction.get(layout.bucket(name))
            if now is None or data is None or BUCKET.decode(data).id != bucket.id:
                return
            right = UsageRecord(size=now.size + size, objects=now.objects + objects, parts=(now.parts or 0) + parts)
            transaction.put(layout.usage(bucket.id), USAGE.encode(right))

        await self._store.write(add)

    async def _walk(self, function: Callable[[Snapshot], T]) -> T:
        """A long read, beside the event loop where the engine can: a million objects take seconds."""
        if isinstance(self._store, SupportsImmediateRead):
            return await asyncio.to_thread(self._store.read_now, function)
        return await self._store.read(function)


def _buckets(snapshot: Snapshot) -> list[tuple[str, BucketRecord]]:
    found = snapshot.scan(*layout.table_span(layout.BUCKETS))
    return [(key[1:].decode(), BUCKET.decode(value)) for key, value in found]


def _usage(snapshot: Snapshot, name: str, record: BucketRecord) -> BucketUsage:
    found = find_usage(snapshot, record)
    known = found if found is not None and not found.counting else _EMPTY
    return BucketUsage(
        bucket=name,
        size=known.size,
        objects=known.objects,
        parts=known.known_parts,
        counted=known is found,
        quota_bytes=record.quota_bytes,
        quota_objects=record.quota_objects,
    )


def _begin(transaction: Transaction, bucket: BucketRecord) -> None:
    usage = find_usage(transaction, bucket)
    if usage is None:
        transaction.put(layout.usage(bucket.id), USAGE.encode(_UNCOUNTED))
    elif usage.parts is None:
        begun = msgspec.structs.replace(usage, parts=0, counting_parts=True)  # of the rest the quota goes on to hold
        transaction.put(layout.usage(bucket.id), USAGE.encode(begun))


def _both(snapshot: Snapshot, bucket: BucketRecord) -> tuple[UsageRecord | None, _Found]:
    """What is recorded, and what is there."""
    size = objects = parts = unreadable = 0
    for prefix in (layout.objects(bucket.id), layout.versions(bucket.id)):
        for _, data in snapshot.scan(*layout.table_span(prefix)):
            try:
                record, _ = decode_object(data)
            except Problem:
                unreadable += 1
                continue
            if not record.is_marker:
                size += record.size
                objects += 1
    for upload, _ in snapshot.scan(*layout.table_span(layout.uploads(bucket.id))):
        for _, data in snapshot.scan(*layout.table_span(layout.parts(layout.split_upload(upload)[1]))):
            try:
                parts += PART.decode(data).size
            except Problem:
                unreadable += 1
    return find_usage(snapshot, bucket), _Found(size, objects, parts, unreadable)
