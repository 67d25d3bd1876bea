"""The one step in which a version becomes visible: condition, records, reference counts, usage and event together.

Spec: Amazon S3 User Guide, "Adding objects to versioning-enabled buckets" and "… versioning-suspended buckets".
"""

import msgspec

from zotplus.domain.conditions import WriteConditions, check_write
from zotplus.domain.versions import new_version_id, next_sequence
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import release
from zotplus.records.buckets import UsageRecord
from zotplus.records.objects import LockRecord, ObjectRecord
from zotplus.services.configuration.locks import check_unlocked, initial_lock
from zotplus.services.configuration.usage import bounded_usage, charge
from zotplus.services.events.announcing import Change, announce
from zotplus.services.projections import encoded_object, lock_value, with_extras
from zotplus.services.sharing.ownership import owned
from zotplus.services.values import NOBODY, Actor
from zotplus.services.versioning.finding import Place, Version, find_newest, find_version, shown_version

ENABLED = "Enabled"


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version about to become visible; the references to its content are counted already.

    Its record has no id and no sequence yet, and as its lock what was asked for. ``event`` is what to announce.
    """

    record: ObjectRecord
    inline: bytes = b""
    by: Actor = NOBODY
    event: str = "ObjectCreated:Put"


def check_place(snapshot: Snapshot, place: Place, conditions: WriteConditions) -> ObjectRecord | None:
    """The object that is there now, if any; a marker is none. Raises what ``check_write`` raises."""
    newest = find_newest(snapshot, place)
    current = None if newest is None or newest.record.is_marker else newest.record
    check_write(conditions, current)
    return current


def store(
    transaction: Transaction,
    place: Place,
    new: NewVersion,
    conditions: WriteConditions,
    before: UsageRecord | None = None,
) -> ObjectRecord:
    """Make ``new`` the newest version; its record as stored.

    Where versions are kept the one before stays as an earlier one; else, and for the null version, it goes with its
    references. A quota is judged against ``before``, where something was taken away for it already. Raises what
    ``check_write`` raises, ``OBJECT_LOCKED``, ``QUOTA_EXCEEDED``.
    """
    newest = find_newest(transaction, place)
    check_write(conditions, None if newest is None or newest.record.is_marker else newest.record)
    record = _placed(transaction, place, new, newest)
    if place.bucket.versioning:
        before = before or bounded_usage(transaction, place.bucket)
        _make_room(transaction, place, newest, record.modified_ms)
        charge(transaction, place.bucket, record.size, 1, before)
    else:
        charge(transaction, place.bucket, *_take_over(transaction, newest, record), before)
    transaction.put(place.at, encoded_object(record, new.inline))
    _announce(transaction, place, record, new)
    return record


def mark_deleted(
    transaction: Transaction, place: Place, by: Actor, now_ms: int, event: str = "ObjectRemoved:DeleteMarkerCreated"
) -> ObjectRecord:
    """Put a delete marker before the versions of a key, even one that has none; the marker's record."""
    newest = find_newest(transaction, place)
    new = NewVersion(
        record=ObjectRecord(size=0, etag="", modified_ms=now_ms, is_marker=True, owner=by.principal),
        by=by,
        event=event,
    )
    marker = _placed(transaction, place, new, newest)
    _make_room(transaction, place, newest, now_ms)
    _put_beside(transaction, place, marker, b"")
    _announce(transaction, place, marker, new)
    return marker


def drop(transaction: Transaction, place: Place, version: Version, now_ms: int) -> None:
    """Take a version away with its references, whatever comes to light behind it. Raises nothing."""
    record = version.record
    release(transaction, record.slices, now_ms)
    transaction.delete(version.at)
    if version.at != place.at and not record.version_id:
        transaction.delete(layout.null_version(place.bucket.id, place.name))
    if not record.is_marker:
        charge(transaction, place.bucket, -record.size, -1)


def _placed(snapshot: Snapshot, place: Place, new: NewVersion, newest: Version | None) -> ObjectRecord:
    """The record of ``new`` with its owner, its id, its sequence, and the lock that holds from now on."""
    record, bucket = new.record, place.bucket
    if not record.is_marker:
        record = owned(snapshot, bucket, record)
        record = _locked(record, initial_lock(bucket, lock_value(record), record.modified_ms))
    if not bucket.versioning:
        return record
    sequence = next_sequence(0 if newest is None else newest.record.sequence, record.modified_ms)
    version_id = new_version_id(sequence) if bucket.versioning == ENABLED else ""
    return msgspec.structs.replace(record, version_id=version_id, sequence=sequence)


def _locked(record: ObjectRecord, lock: LockRecord | None) -> ObjectRecord:
    return record if lock is None and record.extras is None else with_extras(record, lock=lock)


def _take_over(transaction: Transaction, former: Version | None, record: ObjectRecord) -> tuple[int, int]:
    """Where no versions were ever kept: ``record`` takes the very place of ``former``, whose references go.

    How many bytes and objects the bucket holds more then.
    """
    if former is None:
        return record.size, 1
    check_unlocked(former.record, record.modified_ms, bypass=False)
    release(transaction, former.record.slices, record.modified_ms)
    return record.size - former.record.size, 0


def _make_room(transaction: Transaction, place: Place, newest: Version | None, now_ms: int) -> None:
    """Move the newest version beside, or take it away where the one that comes is the null version too."""
    if place.bucket.versioning != ENABLED:
        former = newest if newest is None or not newest.record.version_id else None
        if former is None and newest is not None:
            former = find_version(transaction, place, "null")
        if former is not None:
            check_unlocked(former.record, now_ms, bypass=False)
            drop(transaction, place, former, now_ms)
            if newest is not None and former.at == newest.at:
                return
    if newest is None:
        return
    past = msgspec.structs.replace(newest.record, noncurrent_ms=now_ms)
    if newest.at == place.at:
        transaction.delete(place.at)
    _put_beside(transaction, place, past, newest.inline)


def _put_beside(transaction: Transaction, place: Place, record: ObjectRecord, inline: bytes) -> None:
    bucket_id = place.bucket.id
    transaction.put(layout.version(bucket_id, place.name, record.sequence), encoded_object(record, inline))
    if not record.version_id:
        transaction.put(layout.null_version(bucket_id, place.name), layout.inverse(record.sequence))


def _announce(transaction: Transaction, place: Place, record: ObjectRecord, new: NewVersion) -> None:
    announce_version(transaction, place, record, (new.event, new.by, record.modified_ms))


def announce_version(
    transaction: Transaction, place: Place, record: ObjectRecord, told: tuple[str, Actor, int]
) -> None:
    """Tell what happened to a version; ``told`` is the event's name, by whom it is, and when (milliseconds)."""
    if not place.bucket.documents:
        return
    name, by, time_ms = told
    change = Change(
        name=name,
        key=place.key,
        size=record.size,
        etag=record.etag,
        version=shown_version(place.bucket, record),
        by=by,
        time_ms=time_ms,
    )
    announce(transaction, (place.bucket_name, place.bucket), change)
