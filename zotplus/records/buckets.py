"""Bucket records. An id that is never used again stands for the bucket in all keys, so a name is free at once.

What every request must know of its bucket stands in the record itself, which every operation reads anyway. What is
long and seldom needed (policy, lifecycle rules, CORS rules and so on) are documents of their own beside it; the record
names the kinds that there are, so that nobody looks for what is not there.
"""

import msgspec

from zotplus.records.shape import Shape


class RetentionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The retention that new versions get: ``mode`` GOVERNANCE or COMPLIANCE, for ``days`` or ``years`` (one is 0)."""

    mode: str
    days: int = 0
    years: int = 0


class DefaultEncryptionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How new objects are encrypted that say nothing: ``scheme`` SSE-S3 or SSE-KMS, and the key of the latter."""

    scheme: str
    key_id: str = ""
    bucket_key: bool = False


class BucketRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A bucket: ``id`` of 8 random bytes, ``created`` in milliseconds, owner's principal id, region.

    ``versioning`` is empty, ``Enabled`` or ``Suspended``; ``ownership`` as S3 writes it; quotas are bytes and objects,
    0 for none; ``documents`` are the kinds of documents that are set, in order.
    """

    id: bytes
    created_ms: int
    owner: str
    region: str
    versioning: str = ""
    lock_enabled: bool = False
    retention: RetentionRecord | None = None
    encryption: DefaultEncryptionRecord | None = None
    ownership: str = "BucketOwnerEnforced"
    quota_bytes: int = 0
    quota_objects: int = 0
    documents: tuple[str, ...] = ()


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How much a bucket holds: bytes of all versions, and how many versions (delete markers do not count).

    While it is ``counting`` what was there before is missing, so it says nothing yet. ``parts`` are the bytes of all
    parts of unfinished uploads; None in a bucket of an older release, whose parts are ``counting_parts`` then.
    """

    size: int
    objects: int
    counting: bool = False
    parts: int | None = None
    counting_parts: bool = False

    @property
    def known_parts(self) -> int:
        """The bytes of parts, 0 until they are counted."""
        return 0 if self.counting_parts else self.parts or 0

    @property
    def held(self) -> int:
        """The bytes that a quota bounds, as far as they are known."""
        return self.size + self.known_parts

    @property
    def is_whole(self) -> bool:
        """Whether everything is counted."""
        return not self.counting and not self.counting_parts and self.parts is not None


class PurgingRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A removed bucket whose objects and uploads are still there; ``name`` is for people.

    ``removed`` of ``total`` objects are gone already; a total of 0 is not known.
    """

    name: str
    removed_ms: int
    total: int = 0
    removed: int = 0


class RenamedRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A rename that was done, and when; ``asked`` is the SHA-256 of both keys."""

    asked: bytes
    renamed_ms: int


BUCKET = Shape(b"B\x02", BucketRecord, grown_from=(b"B\x01",))
PURGING = Shape(b"X\x02", PurgingRecord, grown_from=(b"X\x01",))
USAGE = Shape(b"u\x02", UsageRecord, grown_from=(b"u\x01",))
RENAMED = Shape(b"d\x01", RenamedRecord)
