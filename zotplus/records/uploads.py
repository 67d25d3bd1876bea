"""Records of multipart uploads: the upload, its parts, and what is kept of it once it is complete."""

import msgspec

from zotplus.records.objects import ObjectRecord, SliceRecord
from zotplus.records.shape import Shape


class UploadRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An unfinished upload: the attributes that the object will have, and the checksum that was asked for."""

    initiated_ms: int
    initiator: str
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


class PartRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A part: its bytes are ``slices`` of blobs; ``checksums`` is algorithm -> base64."""

    size: int
    etag: str
    modified_ms: int
    checksums: dict[str, str] = {}
    slices: tuple[SliceRecord, ...] = ()


class CompletedRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An upload that became ``object`` (kept without slices). ``choice`` is the SHA-256 of the list of its parts."""

    bucket_id: bytes
    key: bytes
    choice: bytes
    completed_ms: int
    object: ObjectRecord


UPLOAD = Shape(b"U\x01", UploadRecord)
PART = Shape(b"P\x01", PartRecord)
COMPLETED = Shape(b"F\x01", CompletedRecord)
