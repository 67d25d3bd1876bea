"""Removing buckets with all that is in them as jobs: the name is gone at once, and what was in it follows in batches.

The job is the bucket's entry in the table of those to be purged: the process that began it works on it, and the
collector goes on with whatever a process left behind.
"""

import asyncio
import contextlib

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot
from zotplus.records import layout
from zotplus.records.buckets import PURGING, PurgingRecord
from zotplus.services.buckets import Buckets
from zotplus.services.emptying import empty_bucket
from zotplus.services.lookups import Clock, now_ms

_ID_LENGTH = 2 * layout.BUCKET_ID_BYTES


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket that is being emptied: its former name, when that went, and ``removed`` of ``total`` objects.

    ``total`` is 0 where it is not known. ``id`` is hexadecimal.
    """

    id: str
    bucket: str
    started: float
    removed: int
    total: int


class Removals:
    """Jobs over the key-value port; ``buckets`` are those whose names go."""

    def __init__(self, store: KeyValue, buckets: Buckets, *, clock: Clock) -> None:
        self._store = store
        self._buckets = buckets
        self._clock = clock
        self._working: set[asyncio.Task[None]] = set()

    async def begin(self, name: str) -> Removal | int:
        """Take the bucket's name away and begin to empty it; or, with object lock, how many objects are gone already.

        Such a bucket is emptied before its name goes, since each version is judged. Raises as ``Buckets.purge``.
        """
        record = await self._buckets.record(name)
        if record.lock_enabled:
            return await self._buckets.purge(name)
        bucket_id = await self._buckets.unname(name)
        task = asyncio.create_task(self._empty(bucket_id))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        found = await self._store.read(lambda snapshot: _find(snapshot, bucket_id))
        return 0 if found is None else found

    async def list(self) -> tuple[Removal, ...]:
        """All that are under way, the newest last."""

        def collect(snapshot: Snapshot) -> list[Removal]:
            found = snapshot.scan(*layout.table_span(layout.PURGING))
            return [_removal(key[1:], PURGING.decode(value)) for key, value in found]

        return tuple(sorted(await self._store.read(collect), key=lambda one: one.started))

    async def find(self, id_: str) -> Removal:
        """One by its id. Raises ``RECORD_NOT_FOUND`` where there is none, which is so when it is done."""
        bucket_id = b""
        if len(id_) == _ID_LENGTH:
            with contextlib.suppress(ValueError):
                bucket_id = bytes.fromhex(id_)
        found = await self._store.read(lambda snapshot: _find(snapshot, bucket_id)) if bucket_id else None
        if found is None:
            raise Problem(errors.RECORD_NOT_FOUND, "There is no such removal, or it is done.")
        return found

    async def _empty(self, bucket_id: bytes) -> None:
        with contextlib.suppress(Problem):  # the collector goes on, and tells what is wrong
            await empty_bucket(self._store, bucket_id, now_ms(self._clock))


def _find(snapshot: Snapshot, bucket_id: bytes) -> Removal | None:
    data = snapshot.get(layout.purging(bucket_id))
    return None if data is None else _removal(bucket_id, PURGING.decode(data))


def _removal(bucket_id: bytes, record: PurgingRecord) -> Removal:
    return Removal(
        id=bucket_id.hex(),
        bucket=record.name,
        started=record.removed_ms / 1000,
        removed=record.removed,
        total=record.total,
    )
