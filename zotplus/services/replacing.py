"""The one step in which an object becomes visible: condition, record and reference counts change together."""

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE, WriteConditions, check_write
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import release
from zotplus.records.objects import ObjectRecord, decode_object
from zotplus.services.lookups import find_bucket
from zotplus.services.projections import encoded_object


class NewObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object about to become visible at ``place``, its key in the store; its references are counted already."""

    place: bytes
    record: ObjectRecord
    inline: bytes = b""


def find_object(snapshot: Snapshot, place: bytes) -> tuple[ObjectRecord, bytes] | None:
    """Record and inline content of the object at ``place``, or None."""
    data = snapshot.get(place)
    return None if data is None else decode_object(data)


def require_object(snapshot: Snapshot, address: tuple[str, bytes]) -> tuple[ObjectRecord, bytes]:
    """As ``find_object`` by bucket and key. Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``."""
    bucket, name = address
    found = find_object(snapshot, layout.object_(find_bucket(snapshot, bucket).id, name))
    if found is None:
        raise Problem(errors.OBJECT_NOT_FOUND, bucket=bucket, key=name.decode())
    return found


def check_target(snapshot: Snapshot, address: tuple[str, bytes], conditions: WriteConditions) -> None:
    """Refuse a write early. Raises ``BUCKET_NOT_FOUND`` and what ``check_write`` raises."""
    bucket_id = find_bucket(snapshot, address[0]).id
    if conditions is not UNCONDITIONAL_WRITE:
        check_place(snapshot, layout.object_(bucket_id, address[1]), conditions)


def check_place(snapshot: Snapshot, place: bytes, conditions: WriteConditions) -> ObjectRecord | None:
    """The object that is there now, if any. Raises what ``check_write`` raises."""
    current = find_object(snapshot, place)
    check_write(conditions, None if current is None else current[0].etag)
    return None if current is None else current[0]


def replace_object(transaction: Transaction, new: NewObject, conditions: WriteConditions) -> None:
    """Make ``new`` visible in place of what is there, whose references go. Raises what ``check_write`` raises."""
    current = check_place(transaction, new.place, conditions)
    transaction.put(new.place, encoded_object(new.record, new.inline))
    if current is not None:
        release(transaction, current.slices, new.record.modified_ms)


def remove_object(transaction: Transaction, bucket_id: bytes, key: bytes, now_ms: int) -> bool:
    """Remove an object and its references; whether it was there."""
    place = layout.object_(bucket_id, key)
    current = find_object(transaction, place)
    if current is None:
        return False
    release(transaction, current[0].slices, now_ms)
    transaction.delete(place)
    return True
