"""Deleting: an object, which leaves a marker where versions are kept, or one version for good.

Spec: Amazon S3 API Reference, DeleteObject; S3 User Guide, "Deleting object versions", "Managing delete markers".
"""

import msgspec

from zotplus.domain.conditions import check_write
from zotplus.ports.keyvalue import Transaction
from zotplus.records import layout
from zotplus.services.configuration.locks import check_unlocked
from zotplus.services.events.announcing import Change, announce
from zotplus.services.projections import encoded_object
from zotplus.services.values import Actor, Deleted, Deletion
from zotplus.services.versioning.finding import (
    Place,
    Version,
    find_earliest_after,
    find_object,
    find_version,
    shown_version,
)
from zotplus.services.versioning.storing import check_place, drop, mark_deleted


def delete(transaction: Transaction, place: Place, deletion: Deletion, now_ms: int) -> Deleted:
    """Do what ``deletion`` says. Raises ``ARGUMENT_INVALID``, ``PRECONDITION_FAILED``, ``OBJECT_LOCKED``."""
    if deletion.version:
        return _delete_version(transaction, place, deletion, now_ms)
    current = check_place(transaction, place, deletion.conditions)
    if place.bucket.versioning:
        marker = mark_deleted(transaction, place, deletion.by, now_ms)
        version = shown_version(place.bucket, marker)
        return Deleted(was_there=current is not None, version=version, is_marker=True)
    found = find_object(transaction, place.at)
    if found is None:
        return Deleted(was_there=False)
    remove_version(
        transaction, place, Version(at=place.at, record=found[0], inline=b"", is_newest=True), deletion, now_ms
    )
    return Deleted(was_there=True)


def _delete_version(transaction: Transaction, place: Place, deletion: Deletion, now_ms: int) -> Deleted:
    found = find_version(transaction, place, deletion.version)
    check_write(deletion.conditions, None if found is None else found.record)
    if found is None:
        return Deleted(was_there=False, version=deletion.version)
    remove_version(transaction, place, found, deletion, now_ms)
    return Deleted(was_there=True, version=deletion.version, is_marker=found.record.is_marker)


def remove_version(transaction: Transaction, place: Place, found: Version, deletion: Deletion, now_ms: int) -> None:
    """Take ``found`` away for good; the version before it becomes the newest. Raises ``OBJECT_LOCKED``."""
    check_unlocked(found.record, now_ms, bypass=deletion.bypass)
    drop(transaction, place, found, now_ms)
    if found.is_newest:
        promote(transaction, place)
    if place.bucket.documents:
        announce_removal(transaction, place, found, deletion.by, now_ms)


def promote(transaction: Transaction, place: Place) -> None:
    """Bring the newest of what is left to the object's own place, unless it is a marker."""
    if not place.bucket.versioning:
        return
    following = find_earliest_after(transaction, place)
    if following is None:
        return
    record = msgspec.structs.replace(following.record, noncurrent_ms=0)
    if record.is_marker:
        transaction.put(following.at, encoded_object(record))
        return
    transaction.delete(following.at)
    if not record.version_id:
        transaction.delete(layout.null_version(place.bucket.id, place.name))
    transaction.put(place.at, encoded_object(record, following.inline))


def announce_removal(transaction: Transaction, place: Place, found: Version, by: Actor, now_ms: int) -> None:
    """Tell that a version is gone for good."""
    change = Change(
        name="ObjectRemoved:Delete",
        key=place.key,
        version=shown_version(place.bucket, found.record),
        by=by,
        time_ms=now_ms,
    )
    announce(transaction, (place.bucket_name, place.bucket), change)
