"""What every object operation begins with: reading names and finding the bucket, inside a snapshot."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.names import MAX_KEY_BYTES, check_key
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.buckets import BUCKET, BucketRecord

BUCKET_NAME_MAX = 63
"""Amazon S3 User Guide, "Bucket naming rules"."""

Clock: TypeAlias = Callable[[], float]
"""Seconds since the epoch."""


def milliseconds(seconds: float) -> int:
    """``seconds`` as records hold times."""
    return int(seconds * 1000)


def now_ms(clock: Clock = time.time) -> int:
    """The time as records hold it."""
    return milliseconds(clock())


def key_bytes(key: str) -> bytes:
    """An object's key as stored. Raises ``KEY_TOO_LONG``, ``PATH_INVALID`` (see ``names.check_key``)."""
    if key.isascii() and 0 < len(key) <= MAX_KEY_BYTES and "\0" not in key:
        return key.encode()
    check_key(key)
    return key.encode()


def find_bucket(snapshot: Snapshot, name: str) -> BucketRecord:
    """The bucket's record. Raises ``BUCKET_NOT_FOUND``, also for what can be no bucket's name."""
    data = snapshot.get(layout.bucket(name)) if name.isascii() and len(name) <= BUCKET_NAME_MAX else None
    if data is None:
        raise Problem(errors.BUCKET_NOT_FOUND, bucket=name)
    return bucket_record(data)


@lru_cache(maxsize=1024)
def bucket_record(data: bytes) -> BucketRecord:
    """The record in ``data``. Every object operation asks for one, and the same bytes are the same record."""
    return BUCKET.decode(data)
