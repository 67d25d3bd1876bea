"""Stored records as the values that services give, and back."""

import msgspec

from zotplus.domain.listing import Listed, render_fragment
from zotplus.domain.versions import NULL
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import (
    ChecksumRecord,
    EncryptionRecord,
    ExtrasRecord,
    GrantRecord,
    LockRecord,
    ObjectRecord,
    encode_object,
)
from zotplus.records.uploads import PartRecord, UploadRecord
from zotplus.services.values import (
    AclGrant,
    Attributes,
    Checksum,
    Lock,
    ObjectInfo,
    PartInfo,
    Protection,
    UploadInfo,
)


def object_info(key: str, record: ObjectRecord, bucket: BucketRecord) -> ObjectInfo:
    """An object's record as its information; ``bucket`` says whether versions count."""
    return ObjectInfo(
        key=key,
        size=record.size,
        etag=record.etag,
        modified=record.modified_ms / 1000,
        attributes=attributes_of(record),
        checksum=checksum_value(record.checksum),
        part_sizes=record.part_sizes,
        part_checksums=record.part_checksums,
        version=(record.version_id or NULL) if bucket.versioning else None,
        owner=record.owner,
        ages="lifecycle" in bucket.documents,
    )


def attributes_of(record: ObjectRecord | UploadRecord) -> Attributes:
    """The attributes that a record holds."""
    extras = record.extras
    if extras is None:
        return Attributes(headers=record.headers, metadata=record.metadata, storage_class=record.storage_class)
    return Attributes(
        headers=record.headers,
        metadata=record.metadata,
        storage_class=record.storage_class,
        tags=extras.tags,
        lock=lock_value(record),
        acl=tuple([AclGrant(line.grantee, line.permission) for line in extras.acl]),
        protection=_protection(extras.encryption),
    )


def encryption_of(record: ObjectRecord | UploadRecord) -> EncryptionRecord | None:
    """How the content of a record is encrypted, or None."""
    return None if record.extras is None else record.extras.encryption


def lock_value(record: ObjectRecord | UploadRecord) -> Lock | None:
    """The lock that a record holds."""
    lock = None if record.extras is None else record.extras.lock
    return None if lock is None else Lock(mode=lock.mode, until=lock.until_ms / 1000, legal_hold=lock.legal_hold)


def extras_of(attributes: Attributes, encryption: EncryptionRecord | None = None) -> ExtrasRecord | None:
    """What few objects have, from what the writer says; None for an object that has nothing of it."""
    lock = attributes.lock
    if not attributes.tags and lock is None and not attributes.acl and encryption is None:
        return None
    return ExtrasRecord(
        tags=attributes.tags,
        lock=None if lock is None else lock_record(lock),
        encryption=encryption,
        acl=tuple([GrantRecord(grantee=line.grantee, permission=line.permission) for line in attributes.acl]),
    )


def lock_record(lock: Lock) -> LockRecord:
    """A lock as it is stored."""
    return LockRecord(mode=lock.mode, until_ms=round(lock.until * 1000), legal_hold=lock.legal_hold)


def with_extras(record: ObjectRecord, **fields: object) -> ObjectRecord:
    """The record with other extras: ``tags``, ``lock``, ``acl``, ``encryption``; none where nothing is left of them."""
    extras = msgspec.structs.replace(record.extras or NO_EXTRAS, **fields)
    return msgspec.structs.replace(record, extras=None if extras == NO_EXTRAS else extras)


NO_EXTRAS = ExtrasRecord()


def _protection(record: EncryptionRecord | None) -> Protection | None:
    if record is None:
        return None
    return Protection(
        scheme=record.scheme,
        key_id=record.key_id,
        context=record.context,
        bucket_key=record.bucket_key,
        key_md5=record.key_md5,
    )


def checksum_value(record: ChecksumRecord | None) -> Checksum | None:
    """A stored checksum as a value."""
    return None if record is None else Checksum(algorithm=record.algorithm, value=record.value, type=record.type)


def encoded_object(record: ObjectRecord, inline: bytes = b"") -> bytes:
    """An object's stored form, its fragment of a listing rendered."""
    checksum = record.checksum
    listed = Listed(
        modified_ms=record.modified_ms,
        etag=record.etag,
        size=record.size,
        storage_class=record.storage_class,
        checksum_algorithm=None if checksum is None else checksum.algorithm,
        checksum_type=None if checksum is None else checksum.type,
    )
    return encode_object(record, render_fragment(listed), inline)


def upload_info(key: str, upload_id: str, record: UploadRecord) -> UploadInfo:
    """An upload's record as its information."""
    return UploadInfo(
        key=key,
        upload_id=upload_id,
        initiated=record.initiated_ms / 1000,
        initiator=record.initiator,
        attributes=attributes_of(record),
        checksum_algorithm=record.checksum_algorithm,
        checksum_type=record.checksum_type,
    )


def part_info(number: int, record: PartRecord, algorithm: str | None) -> PartInfo:
    """A part's record as its information; ``algorithm`` is the one that the upload asked for."""
    value = record.checksums.get(algorithm) if algorithm is not None else None
    return PartInfo(
        number=number,
        size=record.size,
        etag=record.etag,
        modified=record.modified_ms / 1000,
        checksum=None if value is None or algorithm is None else Checksum(algorithm=algorithm, value=value),
    )
