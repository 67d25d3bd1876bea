"""Records of multipart uploads: the upload, its parts, and what is kept of it once it is complete."""

import msgspec

from zotplus.records.objects import ExtrasRecord, ObjectRecord, SliceRecord
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
    extras: ExtrasRecord | None = None


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


UPLOAD = Shape(b"U\x02", UploadRecord, grown_from=(b"U\x01",))
PART = Shape(b"P\x02", PartRecord, grown_from=(b"P\x01",))
COMPLETED = Shape(b"F\x01", CompletedRecord)
