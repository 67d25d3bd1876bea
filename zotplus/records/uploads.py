"""Records of multipart uploads: the upload, its parts, and what is kept of it once it is complete."""

import msgspec

from zotplus.records.objects import ExtrasRecord, ObjectRecord, SliceRecord
from zotplus.records.shape import Previous, Shape


class UploadRecordV1(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The first shape."""

    initiated_ms: int
    initiator: str
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


class UploadRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An unfinished upload: the attributes that the object will have, and the checksum that was asked for."""

    initiated_ms: int
    initiator: str
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    extras: ExtrasRecord | None = None


class PartRecordV1(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The first shape."""

    size: int
    etag: str
    modified_ms: int
    checksums: dict[str, str] = {}
    slices: tuple[SliceRecord, ...] = ()


class PartRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A part: its bytes are ``slices`` of blobs; ``checksums`` is algorithm -> base64.

    ``stream`` is the id of its encrypted stream, which is its one slice; empty for plain and for no bytes.
    """

    size: int
    etag: str
    modified_ms: int
    checksums: dict[str, str] = {}
    slices: tuple[SliceRecord, ...] = ()
    stream: bytes = b""


class CompletedRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An upload that became ``object`` (kept without slices). ``choice`` is the SHA-256 of the list of its parts."""

    bucket_id: bytes
    key: bytes
    choice: bytes
    completed_ms: int
    object: ObjectRecord


def _from_first(old: UploadRecordV1) -> UploadRecord:
    return UploadRecord(**msgspec.structs.asdict(old))


def _part_from_first(old: PartRecordV1) -> PartRecord:
    return PartRecord(**msgspec.structs.asdict(old))


UPLOAD = Shape(b"U\x02", UploadRecord, Previous(Shape(b"U\x01", UploadRecordV1), _from_first))
PART = Shape(b"P\x02", PartRecord, Previous(Shape(b"P\x01", PartRecordV1), _part_from_first))
COMPLETED = Shape(b"F\x01", CompletedRecord)
