"""Object lock of versions and buckets: what a new version gets, and whether a version may go.

Everything that removes a version asks ``check_unlocked`` in the transaction that removes it: deletions, purges, the
lifecycle. A lock that cannot be read keeps its version.
"""

from collections.abc import Callable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.locks import (
    NO_RETENTION,
    Retention,
    check_deletable,
    check_retention_change,
    end_of_period,
)
from zotplus.records.buckets import BucketRecord, RetentionRecord
from zotplus.records.objects import ExtrasRecord, LockRecord, ObjectRecord
from zotplus.services.values import Lock

Change = Callable[[BucketRecord, ObjectRecord], ObjectRecord]


def initial_lock(bucket: BucketRecord, asked: Lock | None, now_ms: int) -> LockRecord | None:
    """The lock of a new version: what was ``asked``, with the bucket's default retention where that names none.

    A retention that has ended since it was asked for (while parts were uploaded) is kept as it is, and holds nothing.
    Raises ``REQUEST_INVALID`` where a lock is asked for in a bucket without object lock.
    """
    check_lockable(bucket, asked)
    if not bucket.lock_enabled:
        return None
    retention = _initial_retention(bucket, asked, now_ms)
    if asked is None and not retention.mode:
        return None
    legal_hold = asked is not None and asked.legal_hold
    return LockRecord(mode=retention.mode, until_ms=retention.until_ms, legal_hold=legal_hold)


def check_lockable(bucket: BucketRecord, asked: Lock | None) -> None:
    """Refuse a lock that is asked for in a bucket without object lock. Raises ``REQUEST_INVALID``."""
    if asked is not None and not bucket.lock_enabled:
        raise Problem(errors.REQUEST_INVALID, "Bucket is missing ObjectLockConfiguration")


def _initial_retention(bucket: BucketRecord, asked: Lock | None, now_ms: int) -> Retention:
    if asked is not None and asked.mode:
        return Retention(mode=asked.mode, until_ms=round(asked.until * 1000))
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


def retaining(wanted: Retention, now_ms: int, *, bypass: bool) -> Change:
    """Gives a version the retention ``wanted``, none where it has no mode; for ``Objects.change``.

    Raises ``REQUEST_INVALID`` in a bucket without object lock, and what ``check_retention_change`` raises.
    """

    def change(bucket: BucketRecord, record: ObjectRecord) -> ObjectRecord:
        lock = _changeable(bucket, record)
        check_retention_change(Retention(mode=lock.mode, until_ms=lock.until_ms), wanted, now_ms, bypass=bypass)
        return _locked(record, msgspec.structs.replace(lock, mode=wanted.mode, until_ms=wanted.until_ms))

    return change


def holding(*, legal_hold: bool) -> Change:
    """Puts a legal hold on a version or takes it off; for ``Objects.change``. Raises ``REQUEST_INVALID`` as above."""

    def change(bucket: BucketRecord, record: ObjectRecord) -> ObjectRecord:
        return _locked(record, msgspec.structs.replace(_changeable(bucket, record), legal_hold=legal_hold))

    return change


def require_lock_enabled(bucket: BucketRecord) -> None:
    """Raises ``REQUEST_INVALID`` for a bucket without object lock."""
    if not bucket.lock_enabled:
        raise Problem(errors.REQUEST_INVALID, "Bucket is missing Object Lock Configuration")


def enabling(retention: RetentionRecord | None) -> Callable[[BucketRecord], BucketRecord]:
    """Switches object lock on, which is for good, with that default retention; for ``change_bucket``.

    Raises ``BUCKET_STATE_INVALID`` where versions are not kept.
    """

    def change(bucket: BucketRecord) -> BucketRecord:
        if bucket.versioning != "Enabled":
            raise Problem(
                errors.BUCKET_STATE_INVALID,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            )
        return msgspec.structs.replace(bucket, lock_enabled=True, retention=retention)

    return change


def _changeable(bucket: BucketRecord, record: ObjectRecord) -> LockRecord:
    require_lock_enabled(bucket)
    lock = None if record.extras is None else record.extras.lock
    return LockRecord() if lock is None else lock


def _locked(record: ObjectRecord, lock: LockRecord) -> ObjectRecord:
    extras = ExtrasRecord() if record.extras is None else record.extras
    return msgspec.structs.replace(record, extras=msgspec.structs.replace(extras, lock=lock))
