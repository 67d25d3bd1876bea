"""Which buckets have an access log, and where it goes.

Spec: Amazon S3 API Reference, PutBucketLogging, GetBucketLogging.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.access_lines import PREFIX_MAX, LoggingTarget
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, BucketRecord
from zotplus.records.shape import Shape
from zotplus.services.configuration.documents import read_document, write_document
from zotplus.services.lookups import find_bucket

KIND = "logging"
"""The kind of the bucket's document."""
LOGGING = Shape(b"w\x01", LoggingTarget)


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket whose requests are logged: its owner's principal id, its region, and where the log goes."""

    owner: str
    region: str
    target: LoggingTarget


class AccessLogging:
    """Over the key-value port."""

    def __init__(self, store: KeyValue) -> None:
        self._store = store

    async def get(self, bucket: str) -> LoggingTarget | None:
        """Where the bucket's log goes; None where it has none. Raises ``BUCKET_NOT_FOUND``."""
        return await self._store.read(lambda snapshot: _target(snapshot, find_bucket(snapshot, bucket)))

    async def put(self, bucket: str, target: LoggingTarget | None) -> None:
        """Log the bucket's requests to ``target``, or no more (None).

        Raises ``BUCKET_NOT_FOUND``, and ``LOGGING_TARGET_INVALID`` for a target that is not there or that would lock
        every log.
        """
        if target is not None and len(target.prefix.encode()) > PREFIX_MAX:
            raise Problem(errors.ARGUMENT_INVALID, f"TargetPrefix has at most {PREFIX_MAX} bytes.")

        def write(transaction: Transaction) -> None:
            if target is not None:
                _check_target(transaction, target)
            write_document(transaction, bucket, KIND, None if target is None else LOGGING.encode(target))
            if target is None:
                transaction.delete(layout.logged(bucket))
            else:
                transaction.put(layout.logged(bucket), b"")

        await self._store.write(write)

    async def all(self) -> dict[str, Logged]:
        """Every bucket that has an access log; one lookup where none has."""

        def collect(snapshot: Snapshot) -> dict[str, Logged]:
            found: dict[str, Logged] = {}
            for key, _ in snapshot.scan(*layout.table_span(layout.LOGGED)):
                name = key[1:].decode()
                data = snapshot.get(layout.bucket(name))
                record = None if data is None else BUCKET.decode(data)
                target = None if record is None else _target(snapshot, record)
                if record is not None and target is not None:  # the mark outlives a bucket that was deleted
                    found[name] = Logged(owner=record.owner, region=record.region, target=target)
            return found

        return await self._store.read(collect)


def _target(snapshot: Snapshot, record: BucketRecord) -> LoggingTarget | None:
    data = read_document(snapshot, record, KIND)
    return None if data is None else LOGGING.decode(data)


def _check_target(transaction: Transaction, target: LoggingTarget) -> None:
    try:
        record = find_bucket(transaction, target.bucket)
    except Problem as problem:
        raise Problem(
            errors.LOGGING_TARGET_INVALID, "The target bucket for logging does not exist.", TargetBucket=target.bucket
        ) from problem
    if record.retention is not None:
        raise Problem(
            errors.LOGGING_TARGET_INVALID,
            "The target bucket for logging has a default retention, which would keep every log.",
            TargetBucket=target.bucket,
        )
