"""Objects: put, get, copy, delete, list."""

import time
from collections.abc import Callable

import msgspec

from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import UNCONDITIONAL_WRITE, WriteConditions, check_read, is_unchanged
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import resolve
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.blobs import introduce
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ChecksumRecord, EncryptionRecord, ExtrasRecord, ObjectRecord, SliceRecord
from zotplus.services.configuration.locks import check_lockable
from zotplus.services.configuration.usage import check_quota
from zotplus.services.content.contents import cut_slices, decrypted_inline, encrypted_slices, with_sums
from zotplus.services.content.ingest import DEFAULT_ALGORITHM, Ingested, assure_stored, ingest, take_in
from zotplus.services.copying import Means, carry, copying
from zotplus.services.encryption.encryption import UNENCRYPTED, Encryption, check_customer_key
from zotplus.services.encryption.planning import encrypted, plan
from zotplus.services.listing import list_objects
from zotplus.services.lookups import Clock, find_bucket, key_bytes, now_ms
from zotplus.services.projections import encoded_object, encryption_of, extras_of, object_info
from zotplus.services.sharing.ownership import check_list
from zotplus.services.values import (
    NEWEST,
    NOW,
    Actor,
    Attributes,
    Copy,
    Deleted,
    Deletion,
    Listing,
    ListQuery,
    ObjectContent,
    ObjectInfo,
    Selection,
    Small,
    Source,
    VersionListing,
    VersionQuery,
)
from zotplus.services.versioning.finding import Place, find_object, find_place, require_version
from zotplus.services.versioning.listing import list_versions
from zotplus.services.versioning.moving import settle
from zotplus.services.versioning.removing import delete
from zotplus.services.versioning.storing import NewVersion, announce_version, check_place, store

_ATTEMPTS = 3  # a source that is replaced while it is summed is summed again

Change = Callable[[BucketRecord, ObjectRecord], ObjectRecord]
"""What becomes of a version's record; raises ``Problem`` to leave it as it is."""


class Objects:
    """Objects over both ports. Every method raises ``BUCKET_NOT_FOUND`` first.

    Content up to ``inline_limit`` bytes is kept in the object's record; ``clock`` gives the time of change.
    """

    def __init__(
        self,
        store: KeyValue,
        blobs: Blobs,
        *,
        inline_limit: int = 16_384,
        encryption: Encryption = UNENCRYPTED,
        clock: Clock = time.time,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self.inline_limit = inline_limit
        self._encryption = encryption
        self._clock = clock

    async def put(
        self,
        bucket: str,
        key: str,
        source: Source,
        attributes: Attributes,
        conditions: WriteConditions = UNCONDITIONAL_WRITE,
    ) -> ObjectInfo:
        """Store content durably, then make it visible in one atomic step under ``conditions``.

        The conditions are judged twice: before the body is read, to refuse early, and in the step that counts.
        Raises ``PRECONDITION_FAILED``, ``QUOTA_EXCEEDED``, ``DIGEST_MISMATCH``, ``CHECKSUM_MISMATCH``,
        ``CONTENT_SHA256_MISMATCH``, ``BODY_INCOMPLETE``, ``STORAGE_FULL`` and what else ``ingest`` and ``store``
        raise; then nothing has changed.
        """
        key_bytes(key)
        admitted = await self._store.read(
            lambda snapshot: _admit(snapshot, (bucket, key), source.expected.size, conditions, attributes)
        )
        begun = await self._encryption.begin(self._encryption.choose(admitted, attributes.protection))
        # 1. The content is durable under its digest; nothing refers to it yet.
        content = await ingest(self._blobs, source, plan(self.inline_limit, begun, attributes.storage_class))
        extras = extras_of(attributes, encrypted(begun, content))
        record = _record(content, source, attributes, now_ms(self._clock), extras)
        await assure_stored(self._blobs, content)
        # 2. Object, reference to its blob, and the old version's references change together.
        return await self._make_visible((bucket, key), (record, content), source, conditions)

    async def put_plain(self, bucket: str, key: str, source: Small) -> ObjectInfo:
        """As ``put`` for an object as ``Plain.find_target`` means: all of its content is here already.

        It is at most ``inline_limit`` long. Raises ``CONTENT_SHA256_MISMATCH`` and its like for what was expected, and
        what ``store`` does.
        """
        content = take_in(source)
        record = _record(content, source, Attributes(headers=source.headers), now_ms(self._clock), None)
        return await self._make_visible((bucket, key), (record, content), source, UNCONDITIONAL_WRITE)

    async def _make_visible(
        self,
        address: tuple[str, str],
        new: tuple[ObjectRecord, Ingested],
        source: Source | Small,
        conditions: WriteConditions,
    ) -> ObjectInfo:
        failpoints.hit("objects.put.before_metadata")
        record, content = new

        def make_visible(transaction: Transaction) -> ObjectInfo:
            place = find_place(transaction, *address)
            if content.blob is not None:
                introduce(transaction, content.blob)
            version = NewVersion(record=record, inline=content.inline, by=source.by, event=source.event)
            return object_info(place.key, store(transaction, place, version, conditions), place.bucket)

        info = await self._store.write(make_visible)
        failpoints.hit("objects.put.after_metadata")
        return info

    async def get(self, bucket: str, key: str, selection: Selection = NEWEST) -> tuple[ObjectContent, tuple[int, int]]:
        """The object, its bytes of the range, and (start, length) of what is delivered.

        The range counts only where the object is ``unchanged``; else it is the whole object.
        ``inline`` and ``slices`` hold the range only; a slice's ``sums`` are those of its whole blob. Raises
        ``OBJECT_NOT_FOUND``, ``VERSION_NOT_FOUND``, ``METHOD_NOT_ALLOWED`` (a delete marker), ``PRECONDITION_FAILED``,
        ``NOT_MODIFIED``, ``RANGE_UNSATISFIABLE``, ``PART_NUMBER_UNSATISFIABLE``, and what ``Encryption.open`` does.
        """

        def find(snapshot: Snapshot) -> tuple[ObjectContent | _Encrypted, tuple[int, int]]:
            place = find_place(snapshot, bucket, key)
            found = require_version(snapshot, place, selection.version)
            record, inline = found.record, found.inline
            check_read(selection.conditions, record.etag, record.modified_ms / 1000)
            asked, unchanged = selection.wanted, selection.unchanged
            if unchanged is not None and not is_unchanged(unchanged, record.etag, record.modified_ms / 1000):
                asked = None
            start, length = (0, record.size) if asked is None else resolve(asked, record.size, record.part_sizes)
            info = object_info(key, record, place.bucket)
            encryption = encryption_of(record)
            if encryption is not None:
                return _Encrypted(info=info, record=record, inline=inline, encryption=encryption), (start, length)
            if not record.slices:
                kept = inline if asked is None else inline[start : start + length]
                return ObjectContent(info=info, inline=kept), (start, length)
            slices = with_sums(snapshot, cut_slices(record.slices, start, length))
            return ObjectContent(info=info, inline=None, slices=slices), (start, length)

        found, place = await self._store.read(find)
        if isinstance(found, _Encrypted):
            return await self._opened(found, place, selection.customer_key), place
        if selection.customer_key:
            check_customer_key(None, selection.customer_key)
        return found, place

    async def _opened(self, found: "_Encrypted", place: tuple[int, int], customer_key: bytes) -> ObjectContent:
        record = found.record
        key = await self._encryption.open(found.encryption, customer_key)
        if not record.slices:
            inline = await decrypted_inline(record, found.inline, key, place)
            return ObjectContent(info=found.info, inline=inline)
        return ObjectContent(info=found.info, inline=None, slices=encrypted_slices(record, key, *place))

    async def head(self, bucket: str, key: str, selection: Selection = NEWEST) -> ObjectInfo:
        """As ``get`` without content; of the selection only range and comparison count not."""

        def find(snapshot: Snapshot) -> tuple[ObjectInfo, EncryptionRecord | None]:
            place = find_place(snapshot, bucket, key)
            record = require_version(snapshot, place, selection.version).record
            check_read(selection.conditions, record.etag, record.modified_ms / 1000)
            return object_info(key, record, place.bucket), encryption_of(record)

        info, encryption = await self._store.read(find)
        if not selection.keyless and (encryption is not None or selection.customer_key):
            await self._encryption.check(encryption, selection.customer_key)
        return info

    async def change(
        self, bucket: str, key: str, version: str, change: Change, told: tuple[str, Actor] | None = None
    ) -> ObjectInfo:
        """Change what may change of a version without a new one (tags, lock, access control list).

        ``told`` is the event to announce, and by whom it is. Raises ``OBJECT_NOT_FOUND``, ``VERSION_NOT_FOUND``,
        ``METHOD_NOT_ALLOWED`` and what ``change`` raises.
        """
        changed_ms = now_ms(self._clock)

        def rewrite(transaction: Transaction) -> ObjectInfo:
            place = find_place(transaction, bucket, key)
            found = require_version(transaction, place, version)
            record = change(place.bucket, found.record)
            transaction.put(found.at, encoded_object(record, found.inline))
            if told is not None:
                announce_version(transaction, place, record, (*told, changed_ms))
            return object_info(key, record, place.bucket)

        return await self._store.write(rewrite)

    async def copy(self, wanted: Copy) -> ObjectInfo:
        """Give the target the content of the source without moving bytes.

        They are read for a new checksum, and written anew where plain becomes encrypted or a customer's key is in it.
        ETag and part sizes stay the source's: Amazon reads a multipart source anew and gives the copy the ETag of a
        single part, which cannot be had without reading. Raises ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``,
        ``COPY_ONTO_ITSELF``, ``CONDITIONAL_CONFLICT``, and what ``carry`` and ``store`` do.
        """
        if wanted.changes_nothing:
            raise Problem(errors.COPY_ONTO_ITSELF)
        means = Means(self._store, self._blobs, self._encryption, self.inline_limit)
        for _ in range(_ATTEMPTS):
            # 1. What has to be computed or written anew is so outside of the transaction, however long that takes.
            carried = await carry(means, wanted)
            failpoints.hit("objects.copy.before_metadata")
            # 2. The copy appears with its references, if the source is what was summed.
            info = await self._store.write(copying(wanted, carried, now_ms(self._clock)))
            failpoints.hit("objects.copy.after_metadata")
            if info is not None:
                await settle(self._store, self._blobs, wanted.target[0], info)
                return info
        raise Problem(errors.CONDITIONAL_CONFLICT, "The source is being replaced while it is copied.")

    async def delete(self, bucket: str, key: str, deletion: Deletion = NOW) -> Deleted:
        """Delete the object or one of its versions; what is not there is no error unless conditions demand it.

        Raises ``PRECONDITION_FAILED``, ``OBJECT_NOT_FOUND``, ``OBJECT_LOCKED``, ``ARGUMENT_INVALID``.
        """
        removed_ms = now_ms(self._clock)
        failpoints.hit("objects.delete.before_metadata")
        deleted = await self._store.write(
            lambda transaction: delete(transaction, find_place(transaction, bucket, key), deletion, removed_ms)
        )
        failpoints.hit("objects.delete.after_metadata")
        return deleted

    async def delete_many(self, bucket: str, doomed: tuple[tuple[str, Deletion], ...]) -> tuple[Deleted | Problem, ...]:
        """One atomic change; for each in order what was done, or why it was not."""
        removed_ms = now_ms(self._clock)
        failpoints.hit("objects.delete.before_metadata")

        def remove(transaction: Transaction) -> tuple[Deleted | Problem, ...]:
            find_bucket(transaction, bucket)
            return tuple([remove_one(transaction, key, deletion) for key, deletion in doomed])

        def remove_one(transaction: Transaction, key: str, deletion: Deletion) -> Deleted | Problem:
            try:  # everything that can be refused is refused before the first change
                return delete(transaction, find_place(transaction, bucket, key), deletion, removed_ms)
            except Problem as problem:
                return problem

        outcome = await self._store.write(remove)
        failpoints.hit("objects.delete.after_metadata")
        return outcome

    async def list(self, bucket: str, query: ListQuery) -> Listing:
        """One page, in UTF-8 byte order. Raises ``PATH_INVALID`` for text that is not UTF-8."""
        return await self._store.read(lambda snapshot: list_objects(snapshot, find_bucket(snapshot, bucket).id, query))

    async def list_versions(self, bucket: str, query: VersionQuery) -> VersionListing:
        """One page of versions and delete markers, by key and then the newest first.

        Raises ``PATH_INVALID``, ``ARGUMENT_INVALID`` for a marker that is no version's id.
        """
        return await self._store.read(lambda snapshot: list_versions(snapshot, find_bucket(snapshot, bucket).id, query))


class _Encrypted(msgspec.Struct, frozen=True, kw_only=True):
    """An object that has to be opened before its content can be told."""

    info: ObjectInfo
    record: ObjectRecord
    inline: bytes
    encryption: EncryptionRecord


def _admit(
    snapshot: Snapshot,
    address: tuple[str, str],
    size: int | None,
    conditions: WriteConditions,
    attributes: Attributes,
) -> BucketRecord:
    """Refuse a write before its body is read; the bucket."""
    place = find_place(snapshot, *address)
    check_list(snapshot, place.bucket, attributes.acl)
    check_lockable(place.bucket, attributes.lock)
    if place.bucket.quota_bytes or place.bucket.quota_objects:
        check_quota(snapshot, place.bucket, size, _replaced(snapshot, place))
    if conditions is not UNCONDITIONAL_WRITE:
        check_place(snapshot, place, conditions)
    return place.bucket


def _replaced(snapshot: Snapshot, place: Place) -> int | None:
    """The size of the object that a write takes away; None where it takes none, or versions are kept."""
    found = None if place.bucket.versioning else find_object(snapshot, place.at)
    return None if found is None else found[0].size


def _record(
    content: Ingested, source: Source | Small, attributes: Attributes, modified_ms: int, extras: ExtrasRecord | None
) -> ObjectRecord:
    blob, algorithm = content.blob, source.expected.algorithm or DEFAULT_ALGORITHM
    return ObjectRecord(
        size=content.size,
        etag=content.etag,
        modified_ms=modified_ms,
        headers=attributes.headers,
        metadata=attributes.metadata,
        storage_class=attributes.storage_class,
        checksum=ChecksumRecord(algorithm=algorithm, value=content.checksums[algorithm], type="FULL_OBJECT"),
        slices=() if blob is None else (SliceRecord(blob.digest, 0, blob.size),),
        owner=source.by.principal,
        extras=extras,
    )
