import msgspec
import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.locks import COMPLIANCE, DAY_MS, GOVERNANCE, NO_RETENTION, Retention
from zotplus.records.buckets import BucketRecord, RetentionRecord
from zotplus.records.objects import ExtrasRecord, LockRecord, ObjectRecord
from zotplus.services.configuration.locks import check_unlocked, enabling, holding, initial_lock, retaining
from zotplus.services.values import Lock

NOW = 1_800_000_000_000
PLAIN = BucketRecord(id=b"12345678", created_ms=0, owner="o", region="r")
LOCKING = msgspec.structs.replace(PLAIN, versioning="Enabled", lock_enabled=True)
DEFAULTING = msgspec.structs.replace(LOCKING, retention=RetentionRecord(mode=COMPLIANCE, days=3))
UNLOCKED = ObjectRecord(size=1, etag="e", modified_ms=0)


def fault_of(call, *arguments, **options):
    with pytest.raises(Problem) as caught:
        call(*arguments, **options)
    return caught.value.fault


def locked(**fields) -> ObjectRecord:
    extras = ExtrasRecord(tags={"a": "b"}, lock=LockRecord(**fields))
    return msgspec.structs.replace(UNLOCKED, extras=extras)


def lock_of(record: ObjectRecord) -> LockRecord | None:
    return None if record.extras is None else record.extras.lock


def test_a_new_version_gets_the_lock_that_is_asked_for():
    asked = Lock(mode=GOVERNANCE, until=(NOW + 5) / 1000, legal_hold=True)
    found = initial_lock(LOCKING, asked, NOW)
    assert found == LockRecord(mode=GOVERNANCE, until_ms=NOW + 5, legal_hold=True)
    assert initial_lock(LOCKING, Lock(), NOW) == LockRecord()
    assert initial_lock(LOCKING, None, NOW) is None


def test_the_default_of_the_bucket_counts_where_no_retention_is_asked_for():
    default = LockRecord(mode=COMPLIANCE, until_ms=NOW + 3 * DAY_MS)
    assert initial_lock(DEFAULTING, None, NOW) == default
    held = initial_lock(DEFAULTING, Lock(legal_hold=True), NOW)
    assert held == msgspec.structs.replace(default, legal_hold=True)
    assert initial_lock(DEFAULTING, Lock(mode=GOVERNANCE, until=(NOW + 5) / 1000), NOW) == LockRecord(
        mode=GOVERNANCE, until_ms=NOW + 5
    )


def test_a_lock_needs_a_bucket_with_object_lock():
    assert initial_lock(PLAIN, None, NOW) is None
    assert fault_of(initial_lock, PLAIN, Lock(), NOW) is errors.REQUEST_INVALID
    assert fault_of(retaining(NO_RETENTION, NOW, bypass=True), PLAIN, UNLOCKED) is errors.REQUEST_INVALID
    assert fault_of(holding(legal_hold=True), PLAIN, UNLOCKED) is errors.REQUEST_INVALID


def test_a_version_is_kept_by_its_lock():
    check_unlocked(UNLOCKED, NOW, bypass=False)
    check_unlocked(msgspec.structs.replace(UNLOCKED, extras=ExtrasRecord()), NOW, bypass=False)
    check_unlocked(locked(mode=COMPLIANCE, until_ms=NOW), NOW, bypass=False)
    governed = locked(mode=GOVERNANCE, until_ms=NOW + 1)
    check_unlocked(governed, NOW, bypass=True)
    assert fault_of(check_unlocked, governed, NOW, bypass=False) is errors.OBJECT_LOCKED
    held = locked(legal_hold=True)
    assert fault_of(check_unlocked, held, NOW, bypass=True) is errors.OBJECT_LOCKED


def test_a_retention_and_a_hold_change_nothing_else_of_a_version():
    wanted = Retention(mode=GOVERNANCE, until_ms=NOW + 9)
    retained = retaining(wanted, NOW, bypass=False)(LOCKING, locked(legal_hold=True))
    assert lock_of(retained) == LockRecord(mode=GOVERNANCE, until_ms=NOW + 9, legal_hold=True)
    released = holding(legal_hold=False)(LOCKING, retained)
    assert lock_of(released) == LockRecord(mode=GOVERNANCE, until_ms=NOW + 9)
    assert released.extras is not None
    assert released.extras.tags == {"a": "b"}
    fresh = holding(legal_hold=True)(LOCKING, UNLOCKED)
    assert lock_of(fresh) == LockRecord(legal_hold=True)


def test_a_retention_that_promises_less_is_refused():
    shorter = retaining(Retention(mode=GOVERNANCE, until_ms=NOW + 1), NOW, bypass=False)
    governed = locked(mode=GOVERNANCE, until_ms=NOW + 5)
    assert fault_of(shorter, LOCKING, governed) is errors.OBJECT_LOCKED
    gone = retaining(NO_RETENTION, NOW, bypass=True)(LOCKING, governed)
    assert lock_of(gone) == LockRecord()


def test_object_lock_is_switched_on_only_where_versions_are_kept():
    retention = RetentionRecord(mode=GOVERNANCE, years=1)
    versioned = msgspec.structs.replace(PLAIN, versioning="Enabled")
    assert enabling(retention)(versioned) == msgspec.structs.replace(LOCKING, retention=retention)
    for bucket in (PLAIN, msgspec.structs.replace(PLAIN, versioning="Suspended")):
        assert fault_of(enabling(None), bucket) is errors.BUCKET_STATE_INVALID
