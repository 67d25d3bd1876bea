"""The JSON documents about buckets. What ``protocols/api/documents.py`` says holds for them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

BucketName = Annotated[str, Meta(min_length=3, max_length=63)]
# A key or the beginning of one: at most 1,024 bytes, which is judged where it is used.
Prefix = Annotated[str, Meta(max_length=1024)]
# 2 ** 53 - 1: what JSON numbers hold exactly in every client. As bytes it is 8 PiB.
Amount = Annotated[int, Meta(ge=1, le=9_007_199_254_740_991)]
# The id of a removed bucket's content: 8 bytes.
RemovalId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has in common."""


class DefaultEncryption(_Document, frozen=True, forbid_unknown_fields=True):
    """How new objects are encrypted that say nothing; ``key`` names that of SSE-KMS."""

    scheme: Literal["SSE-S3", "SSE-KMS"]
    key: Annotated[str, Meta(max_length=256)] = ""


class NewBucket(_Document, frozen=True, forbid_unknown_fields=True):
    """A bucket with all that it begins with, made in one step. ``lock`` keeps versions in any case."""

    name: BucketName
    versioning: bool = False
    lock: bool = False
    ownership: Literal["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"] = "BucketOwnerEnforced"
    encryption: DefaultEncryption | None = None
    tags: dict[str, str] = {}
    quota_bytes: Amount | None = None
    quota_objects: Amount | None = None


class Quota(_Document, frozen=True, forbid_unknown_fields=True):
    """How much a bucket may hold; null for no bound."""

    bytes: Amount | None
    objects: Amount | None


class UsageDocument(_Document, frozen=True):
    """How much a bucket holds: bytes of all versions, and how many (delete markers do not count), and its quotas.

    ``unfinished_bytes`` are those of the parts of unfinished uploads, which ``quota_bytes`` bounds too. ``counted`` is
    false, and the numbers are 0, while the bucket of an older release has not been counted yet; parts may come later.
    """

    bucket: str
    bytes: int
    objects: int
    unfinished_bytes: int
    counted: bool
    quota_bytes: int | None
    quota_objects: int | None


class Removal(_Document, frozen=True):
    """A removed bucket that is being emptied: ``removed`` of ``total`` objects are gone (total 0: not known)."""

    id: str
    bucket: str
    started: datetime
    removed: int
    total: int


class Removals(_Document, frozen=True):
    """All that are under way."""

    removals: tuple[Removal, ...]


class Begun(_Document, frozen=True):
    """A bucket that has no name any more. ``removal`` is the job that empties it, null where nothing is left to do.

    ``objects`` are those that are gone already, or will be when the job is done.
    """

    bucket: str
    objects: int
    removal: str | None = None


class NewCopies(_Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch of copies: of what begins with ``source_prefix``, to ``target_bucket`` under ``target_prefix``.

    The rest of each key is kept. ``after`` is where an earlier batch ended (``next``), and ``limit`` the most objects
    of this one. Without ``overwrite`` what is there already is left alone.
    """

    source_prefix: Prefix = ""
    target_bucket: BucketName
    target_prefix: Prefix = ""
    after: Prefix = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    overwrite: bool = True


class CopyFailure(_Document, frozen=True):
    """An object that was not copied, and why: the code of a fault and its sentence."""

    key: str
    code: str
    detail: str


class Copied(_Document, frozen=True):
    """A copy that was made of the object ``key``."""

    key: str
    bytes: int
    etag: str


class Copies(_Document, frozen=True):
    """What a batch did. ``next`` is where the following one begins, null where this was the last.

    ``skipped`` objects were left alone, since something is there.
    """

    copied: tuple[Copied, ...]
    skipped: int
    failed: tuple[CopyFailure, ...]
    next: str | None
