"""Stored records as the values that services give, and back."""

from zotplus.domain.listing import Listed, render_fragment
from zotplus.records.objects import ChecksumRecord, ObjectRecord, encode_object
from zotplus.records.uploads import PartRecord, UploadRecord
from zotplus.services.values import Attributes, Checksum, ObjectInfo, PartInfo, UploadInfo


def object_info(key: str, record: ObjectRecord) -> ObjectInfo:
    """An object's record as its information."""
    return ObjectInfo(
        key=key,
        size=record.size,
        etag=record.etag,
        modified=record.modified_ms / 1000,
        attributes=attributes_of(record),
        checksum=checksum_value(record.checksum),
        part_sizes=record.part_sizes,
    )


def attributes_of(record: ObjectRecord | UploadRecord) -> Attributes:
    """The attributes that a record holds."""
    return Attributes(headers=record.headers, metadata=record.metadata, storage_class=record.storage_class)


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
