"""Objects: put, get, copy, delete, list."""

import time

from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import (
    UNCONDITIONAL_WRITE,
    ReadConditions,
    Unchanged,
    WriteConditions,
    check_read,
    is_unchanged,
)
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import Range, resolve
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import introduce
from zotplus.records.objects import ChecksumRecord, ObjectRecord, SliceRecord
from zotplus.services.content.contents import cut_slices, with_sums
from zotplus.services.content.ingest import DEFAULT_ALGORITHM, Ingested, Plan, assure_stored, ingest
from zotplus.services.copying import copying, sum_source
from zotplus.services.listing import list_objects
from zotplus.services.lookups import Clock, find_bucket, key_bytes, now_ms
from zotplus.services.projections import object_info
from zotplus.services.replacing import (
    NewObject,
    check_place,
    check_target,
    remove_object,
    replace_object,
    require_object,
)
from zotplus.services.values import Attributes, Copy, Listing, ListQuery, ObjectContent, ObjectInfo, Source

_ATTEMPTS = 3  # a source that is replaced while it is summed is summed again


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
        await self._store.read(lambda snapshot: check_target(snapshot, (bucket, name), conditions))
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
            record, inline = require_object(snapshot, (bucket, name))
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
        record, _ = await self._store.read(lambda snapshot: require_object(snapshot, (bucket, name)))
        if conditions is not None:
            check_read(conditions, record.etag, record.modified_ms / 1000)
        return object_info(key, record)

    async def copy(self, wanted: Copy) -> ObjectInfo:
        """Give the target the content of the source without moving bytes; they are read for a new checksum only.

        ETag and part sizes stay the source's: Amazon reads a multipart source anew and gives the copy the ETag of a
        single part, which cannot be had without reading. Raises ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``,
        ``COPY_ONTO_ITSELF``, ``CONDITIONAL_CONFLICT``, and what ``sum_source`` does.
        """
        if wanted.source == wanted.target and wanted.attributes is None and wanted.algorithm is None:
            raise Problem(errors.COPY_ONTO_ITSELF)
        for _ in range(_ATTEMPTS):
            # 1. A checksum that the source has not is computed outside of the transaction, however long that takes.
            summed = await sum_source(self._store, self._blobs, wanted)
            failpoints.hit("objects.copy.before_metadata")
            # 2. The copy appears with its references, if the source is what was summed.
            record = await self._store.write(copying(wanted, summed, now_ms(self._clock)))
            failpoints.hit("objects.copy.after_metadata")
            if record is not None:
                return object_info(wanted.target[1], record)
        raise Problem(errors.CONDITIONAL_CONFLICT, "The source is being replaced while it is copied.")

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
