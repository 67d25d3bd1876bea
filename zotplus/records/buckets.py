"""Bucket records. An id that is never used again stands for the bucket in all keys, so a name is free at once."""

import msgspec

from zotplus.records.shape import Shape


class BucketRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A bucket: ``id`` of 8 random bytes, ``created`` in milliseconds, owner's principal id, region."""

    id: bytes
    created_ms: int
    owner: str
    region: str


class PurgingRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A removed bucket whose objects and uploads are still there; ``name`` is for people."""

    name: str
    removed_ms: int


BUCKET = Shape(b"B\x01", BucketRecord)
PURGING = Shape(b"X\x01", PurgingRecord)
