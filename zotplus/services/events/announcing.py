"""Events are written in the transaction of the change that they tell of: none is lost, and none is false.

Spec: Amazon S3 User Guide, "Amazon S3 Event Notifications".
"""

from functools import lru_cache

import msgspec

from zotplus.domain.storage.events import Rule
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.records.queues.events import EventRecord, next_event, put_event
from zotplus.records.shape import Shape
from zotplus.services.configuration.documents import read_document
from zotplus.services.values import NOBODY, Actor

KIND = "notification"
"""The kind of the document that says who is told."""


class RulesRecord(msgspec.Struct, frozen=True, array_like=True):
    """The stored rules of a bucket."""

    rules: tuple[Rule, ...]


RULES = Shape(b"n\x01", RulesRecord)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an object: ``name`` as S3 calls it, without ``s3:`` (``ObjectCreated:Put``).

    ``version`` is None where the bucket keeps no versions; ``time_ms`` is when.
    """

    name: str
    key: str
    size: int = 0
    etag: str = ""
    version: str | None = None
    by: Actor = NOBODY
    time_ms: int


def announce(transaction: Transaction, bucket: tuple[str, BucketRecord], change: Change) -> None:
    """Put ``change`` into the outbox for those who asked for it. Nothing is read where nobody did."""
    if KIND not in bucket[1].documents:
        return
    for rule in rules_of(transaction, bucket[1]):
        if rule.covers(change.name, change.key):
            enqueue(transaction, bucket, rule, change)


def enqueue(transaction: Transaction, bucket: tuple[str, BucketRecord], rule: Rule, change: Change) -> None:
    """Put ``change`` into the queue of the rule's webhook."""
    name, record = bucket
    by = change.by
    event = EventRecord(
        name=change.name,
        bucket=name,
        owner=record.owner,
        region=record.region,
        rule=rule.id,
        key=change.key,
        time_ms=change.time_ms,
        size=change.size,
        etag=change.etag,
        version=change.version,
        principal=by.principal,
        request_id=by.request_id,
        address=by.address,
    )
    put_event(transaction, rule.webhook, next_event(transaction, change.time_ms), event)


def rules_of(snapshot: Snapshot, bucket: BucketRecord) -> tuple[Rule, ...]:
    """The rules of a bucket, none where it has no notification configuration. Raises ``STORAGE_FAILED``."""
    data = read_document(snapshot, bucket, KIND)
    return () if data is None else _decoded(data)


def encoded(rules: tuple[Rule, ...]) -> bytes:
    """The stored form of a bucket's rules."""
    return RULES.encode(RulesRecord(rules))


@lru_cache(maxsize=256)
def _decoded(data: bytes) -> tuple[Rule, ...]:
    """Every change asks, and the same bytes are the same rules."""
    return RULES.decode(data).rules
