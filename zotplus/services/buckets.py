"""Buckets: create, find, list, delete, purge."""

import secrets
import time

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.names import check_bucket_name
from zotplus.domain.storage.tags import encode_tags
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, PURGING, BucketRecord, DefaultEncryptionRecord, PurgingRecord
from zotplus.services.configuration.documents import write_document
from zotplus.services.configuration.usage import begin_usage, find_usage
from zotplus.services.emptying import empty_bucket, holds_objects
from zotplus.services.lookups import Clock, find_bucket, now_ms
from zotplus.services.sharing.beginning import begin_shared
from zotplus.services.sharing.stored import forget
from zotplus.services.values import PLAIN_BUCKET, BucketInfo, BucketOptions
from zotplus.services.versioning.purging import empty_unlocked


class Buckets:
    """Buckets over the key-value port. ``region`` is what a new bucket reports, ``clock`` is the time of creation."""

    def __init__(self, store: KeyValue, region: str, *, clock: Clock = time.time) -> None:
        self._store = store
        self._region = region
        self._clock = clock

    async def create(self, name: str, owner: str, options: BucketOptions = PLAIN_BUCKET) -> BucketInfo:
        """Make a bucket.

        Raises ``BUCKET_NAME_INVALID``; ``BUCKET_OWNED`` when ``owner`` has it already, ``BUCKET_EXISTS`` when another
        has; ``ACL_CONFLICT`` for a list that would not count, ``ARGUMENT_INVALID`` for one that names nobody.
        """
        check_bucket_name(name)
        record = BucketRecord(
            id=secrets.token_bytes(layout.BUCKET_ID_BYTES),
            created_ms=now_ms(self._clock),
            owner=owner,
            region=self._region,
            versioning="Enabled" if options.lock_enabled else options.versioning,
            lock_enabled=options.lock_enabled,
            encryption=_default_encryption(options),
            ownership=options.ownership,
            quota_bytes=options.quota_bytes,
            quota_objects=options.quota_objects,
        )

        def insert(transaction: Transaction) -> None:
            there = transaction.get(layout.bucket(name))
            if there is not None:
                is_own = BUCKET.decode(there).owner == owner
                raise Problem(errors.BUCKET_OWNED if is_own else errors.BUCKET_EXISTS, bucket=name)
            transaction.put(layout.bucket(name), BUCKET.encode(record))
            begin_usage(transaction, record)
            begin_shared(transaction, name, record, options.acl)
            if options.tags:
                write_document(transaction, name, "tagging", encode_tags(options.tags))

        await self._store.write(insert)
        return _info(name, record)

    async def get(self, name: str) -> BucketInfo:
        """Find a bucket. Raises ``BUCKET_NOT_FOUND``."""
        return _info(name, await self._store.read(lambda snapshot: find_bucket(snapshot, name)))

    async def list(self) -> tuple[BucketInfo, ...]:
        """All buckets by name; the caller filters by rights."""

        def collect(snapshot: Snapshot) -> tuple[BucketInfo, ...]:
            found = snapshot.scan(*layout.table_span(layout.BUCKETS))
            return tuple([_info(key[1:].decode(), BUCKET.decode(value)) for key, value in found])

        return await self._store.read(collect)

    async def delete(self, name: str) -> None:
        """Remove a bucket without objects; unfinished uploads go with it, as on Amazon.

        Raises ``BUCKET_NOT_FOUND``, ``BUCKET_NOT_EMPTY``.
        """
        await self._remove(name, only_empty=True)

    async def purge(self, name: str) -> int:
        """Delete the bucket with all objects and uploads; how many objects.

        The name is free from the first step on; what a crash leaves behind, the collector empties. A bucket with object
        lock keeps its name until everything else is gone, and all of it where anything is locked. Raises
        ``BUCKET_NOT_FOUND``, ``OBJECT_LOCKED``, ``BUCKET_NOT_EMPTY`` where objects were added meanwhile.
        """
        record = await self._store.read(lambda snapshot: find_bucket(snapshot, name))
        if not record.lock_enabled:
            return await self._remove(name, only_empty=False)
        removed = await empty_unlocked(self._store, name, now_ms(self._clock))
        return removed + await self._remove(name, only_empty=True)

    async def record(self, name: str) -> BucketRecord:
        """The bucket as it is stored. Raises ``BUCKET_NOT_FOUND``."""
        return await self._store.read(lambda snapshot: find_bucket(snapshot, name))

    async def _remove(self, name: str, *, only_empty: bool) -> int:
        bucket_id = await self.unname(name, only_empty=only_empty)
        return await empty_bucket(self._store, bucket_id, now_ms(self._clock))

    async def unname(self, name: str, *, only_empty: bool = False) -> bytes:
        """Take the name away, so that what is in the bucket can only be purged; the bucket's id.

        Raises ``BUCKET_NOT_FOUND``, ``BUCKET_NOT_EMPTY`` for one that has to be empty, and with object lock for any.
        """
        removed_ms = now_ms(self._clock)

        def unname(transaction: Transaction) -> bytes:
            record = find_bucket(transaction, name)
            if (only_empty or record.lock_enabled) and holds_objects(transaction, record.id):
                raise _not_empty(name, record)
            transaction.delete(layout.bucket(name))
            forget(transaction, name, record)
            usage = find_usage(transaction, record)
            total = usage.objects if usage is not None and not usage.counting else 0
            purging = PurgingRecord(name=name, removed_ms=removed_ms, total=max(0, total))
            transaction.put(layout.purging(record.id), PURGING.encode(purging))
            return record.id

        return await self._store.write(unname)


def _default_encryption(options: BucketOptions) -> DefaultEncryptionRecord | None:
    chosen = options.encryption
    return None if chosen is None else DefaultEncryptionRecord(scheme=chosen.scheme, key_id=chosen.key_id)


def _not_empty(name: str, record: BucketRecord) -> Problem:
    if not record.versioning:
        return Problem(errors.BUCKET_NOT_EMPTY, bucket=name)
    told = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
    return Problem(errors.BUCKET_NOT_EMPTY, told, bucket=name)


def _info(name: str, record: BucketRecord) -> BucketInfo:
    return BucketInfo(
        name=name,
        created=record.created_ms / 1000,
        owner=record.owner,
        region=record.region,
        versioning=record.versioning,
        lock_enabled=record.lock_enabled,
        ownership=record.ownership,
        documents=record.documents,
    )
