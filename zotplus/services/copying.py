"""Copies of objects: the content stays where it is, and is read only where another checksum of it is asked for.

Spec: Amazon S3 API, ``CopyObject``; S3 User Guide, "Checking object integrity".
"""

from collections.abc import Callable

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import check_copy_source
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumType, compute
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.blobs import acquire
from zotplus.records.objects import ChecksumRecord, ObjectRecord
from zotplus.services.content.contents import read_slices, with_sums
from zotplus.services.content.hashing import sum_up
from zotplus.services.content.ingest import MAX_CONTENT_BYTES, known_algorithm
from zotplus.services.projections import attributes_of, extras_of, object_info
from zotplus.services.values import Copy, ObjectInfo, Slice
from zotplus.services.versioning.finding import Version, find_place, require_version
from zotplus.services.versioning.storing import NewVersion, check_place, store


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """A checksum that was computed for a copy; ``record`` and ``inline`` tell what it is of."""

    record: ObjectRecord
    inline: bytes
    checksum: ChecksumRecord

    def is_of(self, record: ObjectRecord, inline: bytes) -> bool:
        """Whether the content of ``record`` is the one that was summed."""
        return (record.slices, inline) == (self.record.slices, self.inline)


async def sum_source(store: KeyValue, blobs: Blobs, wanted: Copy) -> Summed | None:
    """The checksum that the copy is to have, or None where it keeps the source's.

    Everything that can be judged is judged before content is read. Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``,
    ``PRECONDITION_FAILED``, ``REQUEST_INVALID`` for more than 5 GiB to be read, ``BLOB_CORRUPT``, ``BLOB_MISSING``.
    """
    algorithm = known_algorithm(wanted.algorithm)
    if algorithm is None:
        return None
    record, inline, slices = await store.read(lambda snapshot: _find_source(snapshot, wanted))
    kept = record.checksum
    if kept is not None and (kept.algorithm, kept.type) == (algorithm, ChecksumType.FULL_OBJECT):
        return Summed(record=record, inline=inline, checksum=kept)
    if record.size > MAX_CONTENT_BYTES:
        raise Problem(
            errors.REQUEST_INVALID,
            "The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{MAX_CONTENT_BYTES}",
        )
    value = await sum_up(algorithm, read_slices(blobs, slices)) if slices else compute(algorithm, inline)
    checksum = ChecksumRecord(algorithm=algorithm.value, value=value, type=ChecksumType.FULL_OBJECT.value)
    return Summed(record=record, inline=inline, checksum=checksum)


def copying(wanted: Copy, summed: Summed | None, modified_ms: int) -> Callable[[Transaction], ObjectInfo | None]:
    """The change that makes the copy; None from it when the source's content is no longer the one that was summed."""

    def duplicate(transaction: Transaction) -> ObjectInfo | None:
        place = find_place(transaction, *wanted.target)
        original, inline = _source(transaction, wanted)
        if summed is not None and not summed.is_of(original, inline):
            return None
        record = _copied(original, wanted, modified_ms, original.checksum if summed is None else summed.checksum)
        acquire(transaction, record.slices)
        new = NewVersion(record=record, inline=inline, by=wanted.by, event="ObjectCreated:Copy")
        return object_info(place.key, store(transaction, place, new, wanted.target_conditions), place.bucket)

    return duplicate


def _source(snapshot: Snapshot, wanted: Copy) -> tuple[ObjectRecord, bytes]:
    """Record and inline content of what is copied, under its conditions."""
    found = require_source(snapshot, *wanted.source, wanted.source_version)
    check_copy_source(wanted.conditions, found.record.etag, found.record.modified_ms / 1000)
    return found.record, found.inline


def require_source(snapshot: Snapshot, bucket: str, key: str, version: str) -> Version:
    """The version to copy. Raises ``OBJECT_NOT_FOUND``, ``VERSION_NOT_FOUND``, ``REQUEST_INVALID`` for a marker."""
    try:
        return require_version(snapshot, find_place(snapshot, bucket, key), version)
    except Problem as problem:
        if problem.fault is not errors.METHOD_NOT_ALLOWED:
            raise
        detail = "The source of a copy request may not specifically refer to a delete marker by version id."
        raise Problem(errors.REQUEST_INVALID, detail) from problem


def _find_source(snapshot: Snapshot, wanted: Copy) -> tuple[ObjectRecord, bytes, tuple[Slice, ...]]:
    check_place(snapshot, find_place(snapshot, *wanted.target), wanted.target_conditions)
    record, inline = _source(snapshot, wanted)
    return record, inline, with_sums(snapshot, record.slices)


def _copied(original: ObjectRecord, wanted: Copy, modified_ms: int, checksum: ChecksumRecord | None) -> ObjectRecord:
    attributes, given = wanted.attributes, wanted.target_attributes
    if wanted.keeps_tags:
        given = msgspec.structs.replace(given, tags=attributes_of(original).tags)
    return ObjectRecord(
        size=original.size,
        etag=original.etag,
        modified_ms=modified_ms,
        headers=original.headers if attributes is None else attributes.headers,
        metadata=original.metadata if attributes is None else attributes.metadata,
        storage_class=original.storage_class if attributes is None else attributes.storage_class,
        checksum=checksum,
        slices=original.slices,
        part_sizes=original.part_sizes,
        owner=wanted.by.principal,
        extras=extras_of(given),
    )
