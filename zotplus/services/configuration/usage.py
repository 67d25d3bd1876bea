"""How much a bucket holds, and its quotas: counted in the same transaction as every change, so it is never off.

Every version counts, delete markers do not. A bucket has a count from its creation on; one that an older release made
gets it later (``services/configuration/counting.py``), and until then its quotas bound nothing.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import USAGE, BucketRecord, UsageRecord


def begin_usage(transaction: Transaction, bucket: BucketRecord) -> None:
    """Start to count in a bucket that is new, and so holds nothing."""
    transaction.put(layout.usage(bucket.id), USAGE.encode(UsageRecord(size=0, objects=0)))


def find_usage(snapshot: Snapshot, bucket: BucketRecord) -> UsageRecord | None:
    """What the bucket holds; None while that has not been counted."""
    data = snapshot.get(layout.usage(bucket.id))
    return None if data is None else USAGE.decode(data)


def bounded_usage(snapshot: Snapshot, bucket: BucketRecord) -> UsageRecord | None:
    """What a bucket with a quota holds before a change that first takes something away; None without a quota."""
    return find_usage(snapshot, bucket) if bucket.quota_bytes or bucket.quota_objects else None


def charge(
    transaction: Transaction, bucket: BucketRecord, size: int, objects: int, before: UsageRecord | None = None
) -> None:
    """Note that the bucket holds ``size`` bytes and ``objects`` versions more, or less where they are negative.

    Raises ``QUOTA_EXCEEDED`` where it grows past a quota, compared with ``before`` (None: with now); what does not grow
    is never refused.
    """
    usage = find_usage(transaction, bucket)
    if usage is None or (size == 0 and objects == 0):
        return
    grown = msgspec.structs.replace(usage, size=usage.size + size, objects=usage.objects + objects)
    base = before or usage
    if not usage.counting and (
        (grown.size > base.size and _passes(grown.size, bucket.quota_bytes))
        or (grown.objects > base.objects and _passes(grown.objects, bucket.quota_objects))
    ):
        raise _exceeded(bucket, base, (grown.size - base.size, grown.objects - base.objects))
    transaction.put(layout.usage(bucket.id), USAGE.encode(grown))


def check_quota(snapshot: Snapshot, bucket: BucketRecord, size: int | None, replaced: int | None = None) -> None:
    """Refuse a write before its body is read. ``size`` None is a body of unknown length, which ``charge`` judges.

    ``replaced`` is the size of the version that the write takes away, None where it takes none. Raises
    ``QUOTA_EXCEEDED`` where the bucket would grow past a quota.
    """
    if not bucket.quota_bytes and not bucket.quota_objects:
        return
    usage = find_usage(snapshot, bucket)
    if usage is None or usage.counting:
        return
    growth = (size or 0) - (replaced or 0)
    if (growth > 0 and _passes(usage.size + growth, bucket.quota_bytes)) or (
        replaced is None and _passes(usage.objects + 1, bucket.quota_objects)
    ):
        raise _exceeded(bucket, usage, (growth, 1 if replaced is None else 0))


def _passes(amount: int, quota: int) -> bool:
    return bool(quota) and amount > quota


def _exceeded(bucket: BucketRecord, usage: UsageRecord, growth: tuple[int, int]) -> Problem:
    """Names the quotas, which whoever may write has to know; nobody else comes this far.

    ``growth`` are the bytes and the objects that the request would add.
    """
    size, objects = growth
    needed = [f"{size} bytes"] if size > 0 else []
    needed += [f"{objects} object{'' if objects == 1 else 's'}"] if objects > 0 else []
    held = [f"{usage.size} of {bucket.quota_bytes} bytes"] if bucket.quota_bytes else []
    held += [f"{usage.objects} of {bucket.quota_objects} objects"] if bucket.quota_objects else []
    told = f"The request needs {' and '.join(needed)} more, and the bucket holds {' and '.join(held)}."
    return Problem(errors.QUOTA_EXCEEDED, told)
