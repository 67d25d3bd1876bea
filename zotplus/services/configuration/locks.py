"""Object lock of versions and buckets: what a new version gets, and whether a version may go.

Everything that removes a version asks ``check_unlocked`` in the transaction that removes it: deletions, purges, the
lifecycle. A lock that cannot be read keeps its version.
"""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.locks import (
    NO_RETENTION,
    Retention,
    check_deletable,
    check_retention,
    end_of_period,
)
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import LockRecord, ObjectRecord
from zotplus.services.values import Lock


def initial_lock(bucket: BucketRecord, asked: Lock | None, now_ms: int) -> LockRecord | None:
    """The lock of a new version: what was ``asked``, with the bucket's default retention where that names none.

    Raises ``REQUEST_INVALID`` where a lock is asked for in a bucket without object lock, and ``ARGUMENT_INVALID`` for
    a retention that is none.
    """
    if asked is not None and not bucket.lock_enabled:
        raise Problem(errors.REQUEST_INVALID, "Bucket is missing Object Lock Configuration")
    if not bucket.lock_enabled:
        return None
    retention = _initial_retention(bucket, asked, now_ms)
    legal_hold = asked is not None and asked.legal_hold
    if not retention.mode and not legal_hold:
        return None
    return LockRecord(mode=retention.mode, until_ms=retention.until_ms, legal_hold=legal_hold)


def _initial_retention(bucket: BucketRecord, asked: Lock | None, now_ms: int) -> Retention:
    if asked is not None and asked.mode:
        wanted = Retention(mode=asked.mode, until_ms=round(asked.until * 1000))
        check_retention(wanted, now_ms)
        return wanted
    default = bucket.retention
    if default is None:
        return NO_RETENTION
    return Retention(mode=default.mode, until_ms=end_of_period(now_ms, days=default.days, years=default.years))


def check_unlocked(record: ObjectRecord, now_ms: int, *, bypass: bool) -> None:
    """Refuse the deletion of a version that is locked; ``bypass`` passes over GOVERNANCE. Raises ``OBJECT_LOCKED``."""
    lock = None if record.extras is None else record.extras.lock
    if lock is None:
        return
    check_deletable(
        Retention(mode=lock.mode, until_ms=lock.until_ms), now_ms, legal_hold=lock.legal_hold, bypass=bypass
    )
