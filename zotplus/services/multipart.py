"""Multipart uploads: an object that arrives in parts; completing it copies nothing."""

import secrets
import time
from collections.abc import Callable
from itertools import islice

import msgspec

from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumType
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import acquire, introduce, release
from zotplus.records.objects import ObjectRecord
from zotplus.records.uploads import COMPLETED, PART, UPLOAD, CompletedRecord, PartRecord, UploadRecord
from zotplus.services.completion import (
    MAX_PARTS,
    Completion,
    Prepared,
    assemble,
    check_mode,
    check_order,
    choice_digest,
    prepare_completion,
    require_upload,
    upload_algorithm,
)
from zotplus.services.configuration.locks import check_lockable
from zotplus.services.configuration.usage import bounded_usage, charge_part, check_quota
from zotplus.services.content.ingest import Plan, assure_stored, ingest
from zotplus.services.content.part_content import CopySource, PartContent, copied_part, find_copy_source, ingested_part
from zotplus.services.emptying import remove_upload
from zotplus.services.encryption.encryption import UNENCRYPTED, Encryption, check_customer_key
from zotplus.services.encryption.planning import plan
from zotplus.services.listing import list_uploads
from zotplus.services.lookups import Clock, find_bucket, key_bytes, now_ms
from zotplus.services.projections import (
    attributes_of,
    encryption_of,
    extras_of,
    object_info,
    part_info,
    upload_info,
    with_extras,
)
from zotplus.services.sharing.ownership import check_list
from zotplus.services.values import (
    Assembly,
    Attributes,
    Expected,
    ListQuery,
    ObjectInfo,
    PartInfo,
    PartSource,
    Source,
    UploadInfo,
)
from zotplus.services.versioning.finding import find_place
from zotplus.services.versioning.moving import settle
from zotplus.services.versioning.storing import NewVersion, store

NOTHING_EXPECTED = Expected()

_OF_PARTS = {
    errors.ENCRYPTION_KEY_MISSING: (
        "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate "
        "encryption parameters."
    ),
    errors.ENCRYPTION_KEY_WRONG: "The provided encryption parameters did not match the ones used originally.",
}
"""What is said of a part whose customer key is not the upload's, as Amazon says it."""
_ATTEMPTS = 3  # a part that is uploaded again meanwhile, as clients do after a time-out, changes what is completed
_TIME_DIGITS = 12  # milliseconds in hexadecimal, so that uploads of one key are listed in the order they began


class Multipart:
    """Multipart uploads over both ports. Every method raises ``BUCKET_NOT_FOUND`` first, then ``UPLOAD_NOT_FOUND``."""

    def __init__(
        self, store: KeyValue, blobs: Blobs, *, encryption: Encryption = UNENCRYPTED, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._encryption = encryption
        self._clock = clock

    async def create(
        self, bucket: str, key: str, initiator: str, attributes: Attributes, checksum: tuple[str, str] | None
    ) -> UploadInfo:
        """Begin; ``checksum`` is (algorithm, type) or None.

        Raises ``REQUEST_INVALID`` for a lock in a bucket without object lock, and what ``check_list`` does.
        """
        name, initiated_ms = key_bytes(key), now_ms(self._clock)
        random = secrets.token_hex((layout.UPLOAD_ID_BYTES - _TIME_DIGITS) // 2)
        upload_id = f"{initiated_ms:0{_TIME_DIGITS}x}{random}"
        found = await self._store.read(lambda snapshot: find_bucket(snapshot, bucket))
        begun = await self._encryption.begin(self._encryption.choose(found, attributes.protection))
        record = UploadRecord(
            initiated_ms=initiated_ms,
            initiator=initiator,
            headers=attributes.headers,
            metadata=attributes.metadata,
            storage_class=attributes.storage_class,
            extras=extras_of(attributes, None if begun is None else begun[1]),
            checksum_algorithm=None if checksum is None else checksum[0],
            checksum_type=None if checksum is None else checksum[1],
        )

        def insert(transaction: Transaction) -> None:
            found = find_bucket(transaction, bucket)
            check_lockable(found, attributes.lock)
            check_list(transaction, found, attributes.acl)
            transaction.put(layout.upload(found.id, name, upload_id), UPLOAD.encode(record))

        await self._store.write(insert)
        return upload_info(key, upload_id, record)

    async def put_part(self, bucket: str, key: str, upload_id: str, number: int, source: Source) -> PartInfo:
        """Store a part, replacing one of the same number.

        Raises as ``Objects.put``, ``ARGUMENT_INVALID`` for a number outside 1 to 10,000, ``REQUEST_INVALID`` for
        another checksum than the upload's.
        """
        name = key_bytes(key)

        def admit(snapshot: Snapshot) -> UploadRecord:
            found, upload = require_upload(snapshot, (bucket, name), upload_id)
            _check_part(number, upload, source.expected)
            check_quota(snapshot, found, source.expected.size, _part_size(snapshot, upload_id, number))
            return upload

        upload = await self._store.read(admit)
        if upload.checksum_type == ChecksumType.COMPOSITE and source.expected.algorithm is None:
            raise _other_checksum(upload, "null")
        how = await self._plan(upload, number, source.customer_key)
        content = await ingest(self._blobs, source, how)
        await assure_stored(self._blobs, content)
        record = await self._record_part((bucket, name), (upload_id, number), ingested_part(content))
        info = part_info(number, record, upload.checksum_algorithm or source.expected.algorithm)
        return msgspec.structs.replace(info, protection=attributes_of(upload).protection)

    async def copy_part(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        number: int,
        source: PartSource,
    ) -> PartInfo:
        """A part from another object's bytes; they are read for the ETag, not moved.

        Raises ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``ARGUMENT_INVALID`` for a range outside the source,
        ``ENTITY_TOO_LARGE``.
        """
        name = key_bytes(key)

        def admit(snapshot: Snapshot) -> tuple[UploadRecord, CopySource]:
            found, upload = require_upload(snapshot, (bucket, name), upload_id)
            _check_part(number, upload, NOTHING_EXPECTED)
            content = find_copy_source(snapshot, source)
            check_quota(snapshot, found, content.size, _part_size(snapshot, upload_id, number))
            return upload, content

        upload, content = await self._store.read(admit)
        how = await self._plan(upload, number, source.part_key)
        check_customer_key(content.encryption, source.customer_key)
        opened = None
        if content.encryption is not None:
            opened = await self._encryption.open(content.encryption, source.customer_key)
        part = await copied_part(self._blobs, content, opened, how)
        record = await self._record_part((bucket, name), (upload_id, number), part)
        info = part_info(number, record, upload.checksum_algorithm)
        return msgspec.structs.replace(info, protection=attributes_of(upload).protection)

    async def _plan(self, upload: UploadRecord, number: int, customer_key: bytes) -> Plan:
        """How a part is taken in: under the upload's key, where it has one."""
        encryption, algorithm = encryption_of(upload), upload_algorithm(upload)
        try:
            check_customer_key(encryption, customer_key)
            begun = None if encryption is None else (await self._encryption.open(encryption, customer_key), encryption)
        except Problem as problem:
            if problem.fault not in _OF_PARTS:
                raise
            raise Problem(errors.REQUEST_INVALID, _OF_PARTS[problem.fault]) from problem
        return plan(0, begun, upload.storage_class, algorithm=algorithm, number=number)

    async def complete(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        wanted: Assembly,
        conditions: WriteConditions,
    ) -> ObjectInfo:
        """Make the object visible; of what is expected of it size and checksum are judged.

        Completing again with the same parts returns the same object (clients retry), for a day. Raises
        ``PART_INVALID``, ``PART_ORDER_INVALID``, ``PART_TOO_SMALL``, ``PRECONDITION_FAILED``, ``ENTITY_TOO_LARGE``,
        ``CHECKSUM_MISMATCH``, ``REQUEST_INVALID``.
        """
        request = Completion(
            bucket=bucket,
            key=key,
            name=key_bytes(key),
            upload_id=upload_id,
            choices=wanted.parts,
            digest=choice_digest(wanted.parts),
            conditions=conditions,
        )
        check_order(wanted.parts)
        for _ in range(_ATTEMPTS):
            # 1. Choose and sum up in a snapshot: with 10,000 parts that is too long for a transaction.
            prepared = await self._store.read(lambda snapshot: prepare_completion(snapshot, request))
            if isinstance(prepared, ObjectInfo):
                return prepared
            check_mode(prepared, wanted)
            record = assemble(prepared, wanted, now_ms(self._clock))
            failpoints.hit("multipart.complete.before_metadata")
            # 2. The object appears, upload and parts disappear, and their references move, all together.
            new = NewVersion(record=record, by=wanted.by, event="ObjectCreated:CompleteMultipartUpload")
            info = await self._store.write(_completing(request, prepared, new))
            failpoints.hit("multipart.complete.after_metadata")
            if info is not None:
                await settle(self._store, self._blobs, bucket, info)
                return info
        raise Problem(errors.CONDITIONAL_CONFLICT, "Parts are being replaced while the upload is completed.")

    async def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Drop the upload and its parts."""
        name, removed_ms = key_bytes(key), now_ms(self._clock)

        def remove(transaction: Transaction) -> None:
            found, _ = require_upload(transaction, (bucket, name), upload_id)
            remove_upload(transaction, layout.upload(found.id, name, upload_id), removed_ms, MAX_PARTS + 1)

        await self._store.write(remove)

    async def list_parts(
        self, bucket: str, key: str, upload_id: str, after: int, limit: int
    ) -> tuple[UploadInfo, tuple[PartInfo, ...], bool]:
        """The upload, parts with numbers above ``after``, and whether more follow."""
        name = key_bytes(key)

        def collect(snapshot: Snapshot) -> tuple[UploadInfo, tuple[PartInfo, ...], bool]:
            _, upload = require_upload(snapshot, (bucket, name), upload_id)
            start = layout.part(upload_id, min(max(after, 0), MAX_PARTS) + 1)
            found = list(islice(snapshot.scan(start, layout.after(layout.parts(upload_id))), limit + 1))
            algorithm = upload.checksum_algorithm
            parts = [part_info(layout.part_number(one), PART.decode(data), algorithm) for one, data in found[:limit]]
            return upload_info(key, upload_id, upload), tuple(parts), len(found) > limit

        return await self._store.read(collect)

    async def list_uploads(
        self, bucket: str, prefix: str, delimiter: str, after: tuple[str, str], limit: int
    ) -> tuple[tuple[UploadInfo | str, ...], tuple[str, str] | None]:
        """Uploads by (key, upload id) after the marker, common prefixes rolled up, and the next marker or None.

        The marker is a key (or a common prefix) and an upload id; an empty id means behind all uploads of the key.
        """
        query = ListQuery(prefix=prefix, delimiter=delimiter, after=after[0], limit=limit)
        return await self._store.read(
            lambda snapshot: list_uploads(snapshot, find_bucket(snapshot, bucket).id, query, after[1])
        )

    async def _record_part(self, address: tuple[str, bytes], place: tuple[str, int], part: PartContent) -> PartRecord:
        """Make a part whose content is durable belong to its upload, in place of one of the same number."""
        upload_id, number = place
        modified_ms = now_ms(self._clock)
        record = part.record(modified_ms)
        failpoints.hit("multipart.part.before_metadata")

        def insert(transaction: Transaction) -> None:
            bucket, _ = require_upload(transaction, address, upload_id)
            if part.blob is None:
                acquire(transaction, record.slices)
            else:
                introduce(transaction, part.blob)
            former = _find_part(transaction, upload_id, number)
            transaction.put(layout.part(upload_id, number), PART.encode(record))
            if former is not None:
                release(transaction, former.slices, modified_ms)
            growth = record.size - (0 if former is None else former.size)
            charge_part(transaction, bucket, growth)

        await self._store.write(insert)
        failpoints.hit("multipart.part.after_metadata")
        return record


def _completing(request: Completion, prepared: Prepared, new: NewVersion) -> Callable[[Transaction], ObjectInfo | None]:
    """The change that completes an upload; None from it when the parts are no longer those that were prepared."""

    def make_visible(transaction: Transaction) -> ObjectInfo | None:
        now = prepare_completion(transaction, request)
        if isinstance(now, ObjectInfo):
            return now
        if now != prepared:
            return None
        acquire(transaction, new.record.slices)
        place = find_place(transaction, request.bucket, request.key)
        # The parts counted already, so that what they become takes no more room.
        before = bounded_usage(transaction, place.bucket)
        upload = layout.upload(now.bucket_id, request.name, request.upload_id)
        remove_upload(transaction, upload, new.record.modified_ms, MAX_PARTS + 1)
        record = store(transaction, place, new, request.conditions, before)
        tombstone = CompletedRecord(
            bucket_id=now.bucket_id,
            key=request.name,
            choice=request.digest,
            completed_ms=record.modified_ms,
            object=_remembered(record),
        )
        transaction.put(layout.completed(request.upload_id), COMPLETED.encode(tombstone))
        return object_info(request.key, record, place.bucket)

    return make_visible


def _find_part(snapshot: Snapshot, upload_id: str, number: int) -> PartRecord | None:
    data = snapshot.get(layout.part(upload_id, number))
    return None if data is None else PART.decode(data)


def _part_size(snapshot: Snapshot, upload_id: str, number: int) -> int:
    found = _find_part(snapshot, upload_id, number)
    return 0 if found is None else found.size


def _remembered(record: ObjectRecord) -> ObjectRecord:
    """What is kept of a completed object to tell it again: nothing of where its content is."""
    encryption = encryption_of(record)
    if encryption is not None:
        record = with_extras(record, encryption=msgspec.structs.replace(encryption, detail=b""))
    return msgspec.structs.replace(record, slices=())


def _check_part(number: int, upload: UploadRecord, expected: Expected) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise Problem(errors.ARGUMENT_INVALID, f"A part has a number from 1 to {MAX_PARTS}.", ArgumentName="partNumber")
    asked, given = upload.checksum_algorithm, expected.algorithm
    if asked is not None and given is not None and asked != given:
        raise _other_checksum(upload, given)


def _other_checksum(upload: UploadRecord, given: str) -> Problem:
    return Problem(
        errors.REQUEST_INVALID,
        f"Checksum Type mismatch occurred, expected checksum Type: {upload.checksum_algorithm}, actual checksum Type: "
        f"{given}",
    )
