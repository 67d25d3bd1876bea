"""The operations of Amazon's API that this server does not have, and how each is refused: by name, never silently.

The list is complete: a test compares it and the table of routes with the model of the API that botocore carries.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Fault, Problem
from zotplus.protocols.s3.request import Level, Request


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that is not there; ``selector`` is the query key that names it, ``reason`` why."""

    name: str
    level: Level
    method: str
    selector: str
    reason: str
    fault: Fault = errors.OPERATION_UNKNOWN


_WEBSITE = "buckets are not served as websites"
_REPLICATION = "buckets are not replicated"
_ACCELERATE = "transfer acceleration is a network of Amazon's"
_ANALYTICS = "there are no analytics of storage classes"
_INVENTORY = "there are no inventories of buckets"
_METRICS = "metrics are those of the server, at /metrics"
_TIERING = "objects move between storage classes by lifecycle rules only"
_TABLES = "there are no tables of metadata"
_ANNOTATIONS = "objects have tags and metadata, but no annotations"
_ABAC = "policies can name tags of buckets without it being switched on"
_SESSION = "there are no directory buckets"


def _of(level: Level, reason: str, *rows: tuple[str, str, str]) -> tuple[Refused, ...]:
    return tuple(
        [
            Refused(name=name, level=level, method=method, selector=selector, reason=reason)
            for name, method, selector in rows
        ]
    )


REFUSED: tuple[Refused, ...] = (
    *_of(
        Level.BUCKET,
        _WEBSITE,
        ("PutBucketWebsite", "PUT", "website"),
        ("DeleteBucketWebsite", "DELETE", "website"),
    ),
    *_of(
        Level.BUCKET,
        _REPLICATION,
        ("PutBucketReplication", "PUT", "replication"),
        ("DeleteBucketReplication", "DELETE", "replication"),
    ),
    *_of(Level.BUCKET, _ACCELERATE, ("PutBucketAccelerateConfiguration", "PUT", "accelerate")),
    *_of(
        Level.BUCKET,
        _ANALYTICS,
        ("PutBucketAnalyticsConfiguration", "PUT", "analytics"),
        ("DeleteBucketAnalyticsConfiguration", "DELETE", "analytics"),
    ),
    *_of(
        Level.BUCKET,
        _INVENTORY,
        ("PutBucketInventoryConfiguration", "PUT", "inventory"),
        ("DeleteBucketInventoryConfiguration", "DELETE", "inventory"),
    ),
    *_of(
        Level.BUCKET,
        _METRICS,
        ("PutBucketMetricsConfiguration", "PUT", "metrics"),
        ("DeleteBucketMetricsConfiguration", "DELETE", "metrics"),
    ),
    *_of(
        Level.BUCKET,
        _TIERING,
        ("PutBucketIntelligentTieringConfiguration", "PUT", "intelligent-tiering"),
        ("DeleteBucketIntelligentTieringConfiguration", "DELETE", "intelligent-tiering"),
    ),
    *_of(
        Level.BUCKET,
        _TABLES,
        ("CreateBucketMetadataConfiguration", "POST", "metadataConfiguration"),
        ("GetBucketMetadataConfiguration", "GET", "metadataConfiguration"),
        ("DeleteBucketMetadataConfiguration", "DELETE", "metadataConfiguration"),
        ("CreateBucketMetadataTableConfiguration", "POST", "metadataTable"),
        ("GetBucketMetadataTableConfiguration", "GET", "metadataTable"),
        ("DeleteBucketMetadataTableConfiguration", "DELETE", "metadataTable"),
        ("UpdateBucketMetadataInventoryTableConfiguration", "PUT", "metadataInventoryTable"),
        ("UpdateBucketMetadataJournalTableConfiguration", "PUT", "metadataJournalTable"),
        ("UpdateBucketMetadataAnnotationTableConfiguration", "PUT", "metadataAnnotationTable"),
    ),
    *_of(Level.BUCKET, _ABAC, ("GetBucketAbac", "GET", "abac"), ("PutBucketAbac", "PUT", "abac")),
    *_of(Level.BUCKET, _SESSION, ("CreateSession", "GET", "session")),
    *_of(
        Level.OBJECT,
        _ANNOTATIONS,
        ("PutObjectAnnotation", "PUT", "annotation"),
        ("GetObjectAnnotation", "GET", "annotation"),
        ("DeleteObjectAnnotation", "DELETE", "annotation"),
    ),
    *_of(Level.OBJECT, "nothing is served by BitTorrent", ("GetObjectTorrent", "GET", "torrent")),
    *_of(Level.OBJECT, "objects are not queried", ("SelectObjectContent", "POST", "select")),
    *_of(Level.OBJECT, "every object can be read without being restored", ("RestoreObject", "POST", "restore")),
    *_of(
        Level.OBJECT,
        "a copy of the object onto itself changes how it is encrypted",
        ("UpdateObjectEncryption", "PUT", "encryption"),
    ),
    Refused(
        name="WriteGetObjectResponse",
        level=Level.BUCKET,
        method="POST",
        selector="",
        reason="there are no functions that change objects on their way; its address is no bucket's name",
        fault=errors.BUCKET_NAME_INVALID,
    ),
)

_BY_SELECTOR = {(one.level, one.method, one.selector): one for one in REFUSED if one.selector}


def refusal(request: Request, asked: frozenset[str]) -> Problem | None:
    """The refusal of what ``request`` means by the selectors ``asked``; None where Amazon has no such operation."""
    for selector in sorted(asked):
        found = _BY_SELECTOR.get((request.level, request.head.method, selector))
        if found is not None:
            return Problem(found.fault, f"{found.name} is not implemented: {found.reason}.")
    return None
