"""Objects: put, get, copy, delete, list."""

import time

from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import (
    UNCONDITIONAL_WRITE,
    ReadConditions,
    Unchanged,
    WriteConditions,
    check_copy_source,
    check_read,
    check_write,
    is_unchanged,
)
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import Range, resolve
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import acquire, introduce
from zotplus.records.objects import ChecksumRecord, ObjectRecord, SliceRecord
from zotplus.services.content.contents import cut_slices, with_sums
from zotplus.services.content.ingest import DEFAULT_ALGORITHM, Ingested, Plan, assure_stored, ingest
from zotplus.services.listing import list_objects
from zotplus.services.lookups import Clock, find_bucket, key_bytes, now_ms
from zotplus.services.projections import object_info
from zotplus.services.replacing import NewObject, check_place, find_object, remove_object, replace_object
from zotplus.services.values import Attributes, Listing, ListQuery, ObjectContent, ObjectInfo, Source


class Objects:
    """Objects over both ports. Every method raises ``BUCKET_NOT_FOUND`` first.

    Content up to ``inline_limit`` bytes is kept in the object's record; ``clock`` gives the time of change.
    """

    def __init__(self, store: KeyValue, blobs: Blobs, *, inline_limit: int = 16_384, clock: Clock = time.time) -> None:
        self._store = store
        self._blobs = blobs
        self._inline_limit = inline_limit
        self._clock = clock

    async def put(
        self, bucket: str, key: str, source: Source, attributes: Attributes, conditions: WriteConditions
    ) -> ObjectInfo:
        """Store content durably, then make it visible in one atomic step under ``conditions``.

        The conditions are judged twice: before the body is read, to refuse early, and in the step that counts.
        Raises ``PRECONDITION_FAILED``, ``DIGEST_MISMATCH``, ``CHECKSUM_MISMATCH``, ``CONTENT_SHA256_MISMATCH``,
        ``BODY_INCOMPLETE``, ``STORAGE_FULL`` and what else ``ingest`` raises; then nothing has changed.
        """
        name = key_bytes(key)
        await self._store.read(lambda snapshot: _check_target(snapshot, (bucket, name), conditions))
        # 1. The content is durable under its digest; nothing refers to it yet.
        content = await ingest(self._blobs, source, Plan(inline_limit=self._inline_limit))
        record = _record(content, source.expected.algorithm or DEFAULT_ALGORITHM, attributes, now_ms(self._clock))
        await assure_stored(self._blobs, content)
        failpoints.hit("objects.put.before_metadata")

        def make_visible(transaction: Transaction) -> None:
            place = layout.object_(find_bucket(transaction, bucket).id, name)
            if content.blob is not None:
                introduce(transaction, content.blob)
            replace_object(transaction, NewObject(place=place, record=record, inline=content.inline), conditions)

        # 2. Object, reference to its blob, and the old version's references change together.
        await self._store.write(make_visible)
        failpoints.hit("objects.put.after_metadata")
        return object_info(key, record)

    async def get(
        self,
        bucket: str,
        key: str,
        wanted: Range | None = None,
        conditions: ReadConditions | None = None,
        unchanged: Unchanged | None = None,
    ) -> tuple[ObjectContent, tuple[int, int]]:
        """The object, its bytes of the range, and (start, length) of what is delivered.

        The range counts only where the object is ``unchanged``; else it is the whole object.
        ``inline`` and ``slices`` hold the range only; a slice's ``sums`` are those of its whole blob. Raises
        ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``NOT_MODIFIED``, ``RANGE_UNSATISFIABLE``,
        ``PART_NUMBER_UNSATISFIABLE``.
        """
        name = key_bytes(key)

        def find(snapshot: Snapshot) -> tuple[ObjectContent, tuple[int, int]]:
            record, inline = _require_object(snapshot, (bucket, name))
            if conditions is not None:
                check_read(conditions, record.etag, record.modified_ms / 1000)
            asked = wanted
            if unchanged is not None and not is_unchanged(unchanged, record.etag, record.modified_ms / 1000):
                asked = None
            start, length = (0, record.size) if asked is None else resolve(asked, record.size, record.part_sizes)
            info = object_info(key, record)
            if not record.slices:
                kept = inline if asked is None else inline[start : start + length]
                return ObjectContent(info=info, inline=kept), (start, length)
            slices = with_sums(snapshot, cut_slices(record.slices, start, length))
            return ObjectContent(info=info, inline=None, slices=slices), (start, length)

        return await self._store.read(find)

    async def head(self, bucket: str, key: str, conditions: ReadConditions | None = None) -> ObjectInfo:
        """As ``get`` without content."""
        name = key_bytes(key)
        record, _ = await self._store.read(lambda snapshot: _require_object(snapshot, (bucket, name)))
        if conditions is not None:
            check_read(conditions, record.etag, record.modified_ms / 1000)
        return object_info(key, record)

    async def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        attributes: Attributes | None,
        conditions: ReadConditions,
        *,
        target_conditions: WriteConditions = UNCONDITIONAL_WRITE,
    ) -> ObjectInfo:
        """Give ``target`` the content of ``source`` without moving bytes; ``attributes`` None keeps the source's.

        ETag, checksum and part sizes stay the source's: Amazon reads a multipart source anew and gives the copy the
        ETag of a single part, which cannot be had without reading. Raises ``OBJECT_NOT_FOUND``,
        ``PRECONDITION_FAILED``, ``COPY_ONTO_ITSELF``.
        """
        from_name, to_name = key_bytes(source[1]), key_bytes(target[1])
        if source == target and attributes is None:
            raise Problem(errors.COPY_ONTO_ITSELF)
        modified_ms = now_ms(self._clock)
        failpoints.hit("objects.copy.before_metadata")

        def duplicate(transaction: Transaction) -> ObjectRecord:
            place = layout.object_(find_bucket(transaction, target[0]).id, to_name)
            original, inline = _require_object(transaction, (source[0], from_name))
            check_copy_source(conditions, original.etag, original.modified_ms / 1000)
            record = _copied(original, attributes, modified_ms)
            acquire(transaction, record.slices)
            replace_object(transaction, NewObject(place=place, record=record, inline=inline), target_conditions)
            return record

        record = await self._store.write(duplicate)
        failpoints.hit("objects.copy.after_metadata")
        return object_info(target[1], record)

    async def delete(self, bucket: str, key: str, *, conditions: WriteConditions = UNCONDITIONAL_WRITE) -> bool:
        """Whether it was there; deleting what is not there is no error unless ``conditions`` demand an ETag."""
        name, removed_ms = key_bytes(key), now_ms(self._clock)
        failpoints.hit("objects.delete.before_metadata")

        def remove(transaction: Transaction) -> bool:
            bucket_id = find_bucket(transaction, bucket).id
            check_place(transaction, layout.object_(bucket_id, name), conditions)
            return remove_object(transaction, bucket_id, name, removed_ms)

        was_there = await self._store.write(remove)
        failpoints.hit("objects.delete.after_metadata")
        return was_there

    async def delete_many(self, bucket: str, keys: tuple[str, ...]) -> tuple[str, ...]:
        """One atomic change; the keys that were there."""
        names = [(key, key_bytes(key)) for key in keys]
        removed_ms = now_ms(self._clock)
        failpoints.hit("objects.delete.before_metadata")

        def remove(transaction: Transaction) -> tuple[str, ...]:
            bucket_id = find_bucket(transaction, bucket).id
            return tuple([key for key, name in names if remove_object(transaction, bucket_id, name, removed_ms)])

        were_there = await self._store.write(remove)
        failpoints.hit("objects.delete.after_metadata")
        return were_there

    async def list(self, bucket: str, query: ListQuery) -> Listing:
        """One page, in UTF-8 byte order. Raises ``PATH_INVALID`` for text that is not UTF-8."""
        return await self._store.read(lambda snapshot: list_objects(snapshot, find_bucket(snapshot, bucket).id, query))


def _require_object(snapshot: Snapshot, address: tuple[str, bytes]) -> tuple[ObjectRecord, bytes]:
    bucket, name = address
    found = find_object(snapshot, layout.object_(find_bucket(snapshot, bucket).id, name))
    if found is None:
        raise Problem(errors.OBJECT_NOT_FOUND, bucket=bucket, key=name.decode())
    return found


def _check_target(snapshot: Snapshot, address: tuple[str, bytes], conditions: WriteConditions) -> None:
    """Refuse a write early: no bucket, or conditions that do not hold."""
    bucket_id = find_bucket(snapshot, address[0]).id
    if conditions is UNCONDITIONAL_WRITE:
        return
    found = find_object(snapshot, layout.object_(bucket_id, address[1]))
    check_write(conditions, None if found is None else found[0].etag)


def _record(content: Ingested, algorithm: str, attributes: Attributes, modified_ms: int) -> ObjectRecord:
    blob = content.blob
    return ObjectRecord(
        size=content.size,
        etag=content.md5,
        modified_ms=modified_ms,
        headers=attributes.headers,
        metadata=attributes.metadata,
        storage_class=attributes.storage_class,
        checksum=ChecksumRecord(algorithm=algorithm, value=content.checksums[algorithm], type="FULL_OBJECT"),
        slices=() if blob is None else (SliceRecord(blob.digest, 0, blob.size),),
    )


def _copied(original: ObjectRecord, attributes: Attributes | None, modified_ms: int) -> ObjectRecord:
    return ObjectRecord(
        size=original.size,
        etag=original.etag,
        modified_ms=modified_ms,
        headers=original.headers if attributes is None else attributes.headers,
        metadata=original.metadata if attributes is None else attributes.metadata,
        storage_class=original.storage_class if attributes is None else attributes.storage_class,
        checksum=original.checksum,
        slices=original.slices,
        part_sizes=original.part_sizes,
    )
