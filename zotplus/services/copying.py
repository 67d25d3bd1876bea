"""Copies of objects: the content stays where it is as far as it can.

It is read where another checksum of it is asked for. An encrypted object's key is wrapped anew for the copy, and its
content stays; only where plain content is to be encrypted, or a customer's key is involved, is it written anew.
A copy of encrypted content is never plain: where nothing says how it is to be encrypted, it is by SSE-S3.

Spec: Amazon S3 API, ``CopyObject``; S3 User Guide, "Checking object integrity".
"""

from collections.abc import AsyncIterator, Callable

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import check_copy_source
from zotplus.domain.encryption.schemes import SSE_C
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, ChecksumType
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.blobs import NewBlob, acquire, introduce
from zotplus.records.objects import ChecksumRecord, EncryptionRecord, ObjectRecord, SliceRecord
from zotplus.services.content.contents import decrypted, read_slices, with_sums
from zotplus.services.content.hashing import sum_up
from zotplus.services.content.ingest import DEFAULT_ALGORITHM, MAX_CONTENT_BYTES, ingest, known_algorithm
from zotplus.services.encryption.content_keys import ContentKey
from zotplus.services.encryption.encryption import SSE_S3_PROTECTION, Encryption, check_customer_key
from zotplus.services.encryption.planning import encrypted, plan
from zotplus.services.projections import attributes_of, encryption_of, extras_of, object_info
from zotplus.services.values import Attributes, Copy, ObjectInfo, Protection, Slice, Source
from zotplus.services.versioning.finding import Version, find_place, require_version
from zotplus.services.versioning.storing import NewVersion, check_place, store


class Means(msgspec.Struct, frozen=True):
    """What a copy is made with."""

    store: KeyValue
    blobs: Blobs
    encryption: Encryption
    inline_limit: int


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """The content that a copy is to have, and of which ``source`` (record and inline content) it is.

    ``blob`` is one just committed; without it the slices are of blobs known already.
    """

    source: tuple[ObjectRecord, bytes]
    etag: str
    checksum: ChecksumRecord | None
    part_sizes: tuple[int, ...] = ()
    slices: tuple[SliceRecord, ...] = ()
    inline: bytes = b""
    encryption: EncryptionRecord | None = None
    blob: NewBlob | None = None

    def is_of(self, record: ObjectRecord, inline: bytes) -> bool:
        """Whether ``record`` still has the content that is carried."""
        return (record.slices, inline) == (self.source[0].slices, self.source[1])


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The source as it was found, and the encryption that the target is to have."""

    record: ObjectRecord
    inline: bytes
    slices: tuple[Slice, ...]
    chosen: Protection | None


async def carry(means: Means, wanted: Copy) -> Carried | None:
    """What the copy is to have, None for plain content as it is; all that can be judged is before content is read.

    Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``REQUEST_INVALID`` for more than 5 GiB
    to be read, ``BLOB_CORRUPT``, ``BLOB_MISSING``, what ``Encryption`` raises, and where content is written anew what
    ``ingest`` does.
    """
    algorithm = known_algorithm(wanted.algorithm)
    origin = await means.store.read(lambda snapshot: _find_origin(snapshot, wanted, means.encryption))
    held = encryption_of(origin.record)
    check_customer_key(held, wanted.source_key)
    if held is None:
        if origin.chosen is None:
            return None if algorithm is None else await _as_it_is(means, origin, None, algorithm)
        return await _anew(means, origin, None, origin.chosen, algorithm)
    chosen = origin.chosen or SSE_S3_PROTECTION
    key = await means.encryption.open(held, wanted.source_key)
    if SSE_C in (held.scheme, chosen.scheme):
        return await _anew(means, origin, key, chosen, algorithm)
    carried = await _as_it_is(means, origin, key, algorithm)
    wrapped = await means.encryption.wrap(key, chosen, held.detail)
    return msgspec.structs.replace(carried, encryption=wrapped)


async def _as_it_is(
    means: Means, origin: _Origin, key: ContentKey | None, algorithm: ChecksumAlgorithm | None
) -> Carried:
    """The source's content where it lies, with the checksum that was asked for."""
    record, checksum = origin.record, origin.record.checksum
    is_there = checksum is not None and (checksum.algorithm, checksum.type) == (algorithm, ChecksumType.FULL_OBJECT)
    if algorithm is not None and not is_there:
        value = await sum_up(algorithm, _chunks(means, origin, key))
        checksum = ChecksumRecord(algorithm=algorithm.value, value=value, type=ChecksumType.FULL_OBJECT.value)
    return _kept(record, origin.inline, checksum)


def _kept(record: ObjectRecord, inline: bytes, checksum: ChecksumRecord | None) -> Carried:
    """The content of a record where it lies."""
    return Carried(
        source=(record, inline),
        etag=record.etag,
        checksum=checksum,
        part_sizes=record.part_sizes,
        slices=record.slices,
        inline=inline,
    )


async def _anew(
    means: Means, origin: _Origin, key: ContentKey | None, chosen: Protection, algorithm: ChecksumAlgorithm | None
) -> Carried:
    """The source's content under a new key."""
    record = origin.record
    summed = algorithm or (DEFAULT_ALGORITHM if record.checksum is None else known_algorithm(record.checksum.algorithm))
    begun = await means.encryption.begin(chosen)
    source = Source(chunks=_chunks(means, origin, key))
    content = await ingest(means.blobs, source, plan(means.inline_limit, begun, algorithm=summed))
    name = (summed or DEFAULT_ALGORITHM).value
    return Carried(
        source=(record, origin.inline),
        etag=content.etag,
        checksum=ChecksumRecord(algorithm=name, value=content.checksums[name], type=ChecksumType.FULL_OBJECT.value),
        slices=() if content.blob is None else (SliceRecord(content.blob.digest, 0, content.blob.size),),
        inline=content.inline,
        encryption=encrypted(begun, content),
        blob=content.blob,
    )


def _chunks(means: Means, origin: _Origin, key: ContentKey | None) -> AsyncIterator[bytes]:
    """The plaintext of the source. Raises ``REQUEST_INVALID`` for more than a request may carry."""
    record = origin.record
    if record.size > MAX_CONTENT_BYTES:
        raise Problem(
            errors.REQUEST_INVALID,
            "The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{MAX_CONTENT_BYTES}",
        )
    if key is not None:
        return decrypted(means.blobs, (record, origin.inline), key, (0, record.size))
    return read_slices(means.blobs, origin.slices) if origin.slices else once(origin.inline)


async def once(content: bytes) -> AsyncIterator[bytes]:
    """``content`` as chunks."""
    yield content


def copying(wanted: Copy, carried: Carried | None, modified_ms: int) -> Callable[[Transaction], ObjectInfo | None]:
    """The change that makes the copy; None from it when the source's content is no longer the one that is carried."""

    def duplicate(transaction: Transaction) -> ObjectInfo | None:
        place = find_place(transaction, *wanted.target)
        original, inline = _source(transaction, wanted)
        if carried is None and encryption_of(original) is None:
            content = _kept(original, inline, original.checksum)
        elif carried is not None and carried.is_of(original, inline):
            content = carried
        else:
            return None
        record = _copied(original, wanted, modified_ms, content)
        if content.blob is None:
            acquire(transaction, record.slices)
        else:
            introduce(transaction, content.blob)
        new = NewVersion(record=record, inline=content.inline, by=wanted.by, event="ObjectCreated:Copy")
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


def _find_origin(snapshot: Snapshot, wanted: Copy, encryption: Encryption) -> _Origin:
    target = find_place(snapshot, *wanted.target)
    check_place(snapshot, target, wanted.target_conditions)
    record, inline = _source(snapshot, wanted)
    slices = with_sums(snapshot, record.slices) if encryption_of(record) is None else ()
    chosen = encryption.choose(target.bucket, wanted.target_attributes.protection)
    return _Origin(record=record, inline=inline, slices=slices, chosen=chosen)


_OF_ONE = "x-amz-website-redirect-location"
"""The header that belongs to one object, and is not copied (S3 API Reference, CopyObject)."""


def _headers(original: ObjectRecord, given: Attributes) -> dict[str, str]:
    return {**{name: value for name, value in original.headers.items() if name != _OF_ONE}, **given.headers}


def _copied(original: ObjectRecord, wanted: Copy, modified_ms: int, carried: Carried) -> ObjectRecord:
    attributes, given = wanted.attributes, wanted.target_attributes
    if wanted.keeps_tags:
        given = msgspec.structs.replace(given, tags=attributes_of(original).tags)
    return ObjectRecord(
        size=original.size,
        etag=carried.etag,
        modified_ms=modified_ms,
        headers=_headers(original, given) if attributes is None else attributes.headers,
        metadata=original.metadata if attributes is None else attributes.metadata,
        storage_class=wanted.storage_class or (original if attributes is None else attributes).storage_class,
        checksum=carried.checksum,
        slices=carried.slices,
        part_sizes=carried.part_sizes,
        part_checksums=original.part_checksums if carried.checksum == original.checksum else (),
        owner=wanted.by.principal,
        extras=extras_of(given, carried.encryption),
    )
