"""How much a bucket holds, and its quotas: counted in the same transaction as every change, so it is never off.

Every version counts, delete markers do not; of unfinished uploads the bytes of all parts do. A bucket has a count from
its creation on; one that an older release made gets it later (``services/configuration/counting.py``), and until then
its quotas bound nothing.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import USAGE, BucketRecord, UsageRecord


def begin_usage(transaction: Transaction, bucket: BucketRecord) -> None:
    """Start to count in a bucket that is new, and so holds nothing."""
    transaction.put(layout.usage(bucket.id), USAGE.encode(UsageRecord(size=0, objects=0, parts=0)))


def find_usage(snapshot: Snapshot, bucket: BucketRecord) -> UsageRecord | None:
    """What the bucket holds; None while that has not been counted."""
    return _find(snapshot, bucket.id)


def _find(snapshot: Snapshot, bucket_id: bytes) -> UsageRecord | None:
    data = snapshot.get(layout.usage(bucket_id))
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
        (grown.held > base.held and _passes(grown.held, bucket.quota_bytes))
        or (grown.objects > base.objects and _passes(grown.objects, bucket.quota_objects))
    ):
        raise _exceeded(bucket, base, (grown.held - base.held, grown.objects - base.objects))
    transaction.put(layout.usage(bucket.id), USAGE.encode(grown))


def charge_part(transaction: Transaction, bucket: BucketRecord, size: int) -> None:
    """Note that unfinished uploads hold ``size`` bytes more, or less. Raises ``QUOTA_EXCEEDED`` as ``charge``."""
    usage = find_usage(transaction, bucket)
    if usage is None or usage.parts is None or size == 0:
        return
    if size > 0 and usage.is_whole and _passes(usage.held + size, bucket.quota_bytes):
        raise _exceeded(bucket, usage, (size, 0))
    _put_parts(transaction, bucket.id, usage, usage.parts + size)


def discharge_parts(transaction: Transaction, bucket_id: bytes, size: int) -> None:
    """Note that ``size`` bytes of parts are gone. Nothing where the bucket is gone itself. Raises nothing."""
    usage = _find(transaction, bucket_id)
    if usage is not None and usage.parts is not None:
        _put_parts(transaction, bucket_id, usage, usage.parts - size)


def _put_parts(transaction: Transaction, bucket_id: bytes, usage: UsageRecord, parts: int) -> None:
    transaction.put(layout.usage(bucket_id), USAGE.encode(msgspec.structs.replace(usage, parts=parts)))


def check_quota(snapshot: Snapshot, bucket: BucketRecord, size: int | None, replaced: int | None = None) -> None:
    """Refuse a write before its body is read. ``size`` None is a body of unknown length, which ``charge`` judges.

    ``replaced`` is the size of the version or part that the write takes away, 0 for a part that takes none, None for an
    object that takes none. Raises ``QUOTA_EXCEEDED`` where the bucket would grow past a quota.
    """
    if not bucket.quota_bytes and not bucket.quota_objects:
        return
    usage = find_usage(snapshot, bucket)
    if usage is None or usage.counting:
        return
    growth = (size or 0) - (replaced or 0)
    if (growth > 0 and _passes(usage.held + growth, bucket.quota_bytes)) or (
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
    unfinished = f" ({usage.known_parts} of them in unfinished uploads)" if usage.known_parts else ""
    held = [f"{usage.held} of {bucket.quota_bytes} bytes{unfinished}"] if bucket.quota_bytes else []
    held += [f"{usage.objects} of {bucket.quota_objects} objects"] if bucket.quota_objects else []
    told = f"The request needs {' and '.join(needed)} more, and the bucket holds {' and '.join(held)}."
    return Problem(errors.QUOTA_EXCEEDED, told)
