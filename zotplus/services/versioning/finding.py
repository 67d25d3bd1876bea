"""Where versions are. The newest is at the object's own place, so that reading it takes one look.

Earlier ones and all delete markers lie in a table of their own, newest first. Where the newest version is a marker the
object's own place is empty. Spec: Amazon S3 User Guide, "Working with delete markers", "Retrieving object versions".
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.versions import NULL, sequence_to_look_at
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ObjectRecord, decode_object
from zotplus.services.lookups import find_bucket, key_bytes


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An object's address: the bucket's name and record, and the key as text and as bytes."""

    bucket_name: str
    bucket: BucketRecord
    key: str
    name: bytes

    @property
    def at(self) -> bytes:
        """Where the newest version is."""
        return layout.object_(self.bucket.id, self.name)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A stored version: where it is, its record, its inline content, and whether it is the key's newest."""

    at: bytes
    record: ObjectRecord
    inline: bytes
    is_newest: bool


def find_place(snapshot: Snapshot, bucket: str, key: str) -> Place:
    """The address. Raises ``BUCKET_NOT_FOUND``, ``KEY_TOO_LONG``, ``PATH_INVALID``."""
    name = key_bytes(key)
    return Place(bucket_name=bucket, bucket=find_bucket(snapshot, bucket), key=key, name=name)


def find_object(snapshot: Snapshot, at: bytes) -> tuple[ObjectRecord, bytes] | None:
    """Record and inline content of the version at ``at``, or None."""
    data = snapshot.get(at)
    return None if data is None else decode_object(data)


def find_earliest_after(snapshot: Snapshot, place: Place) -> Version | None:
    """The newest of the versions beside the object's own place: a marker that hides it, or the one before it."""
    span = layout.table_span(layout.versions_of(place.bucket.id, place.name))
    for at, data in snapshot.scan(*span):
        record, inline = decode_object(data)
        return Version(at=at, record=record, inline=inline, is_newest=False)
    return None


def find_newest(snapshot: Snapshot, place: Place) -> Version | None:
    """The newest version, which may be a delete marker; None where the key has no version."""
    found = find_object(snapshot, place.at)
    if found is not None:
        return Version(at=place.at, record=found[0], inline=found[1], is_newest=True)
    if not place.bucket.versioning:
        return None
    beside = find_earliest_after(snapshot, place)
    return None if beside is None else msgspec.structs.replace(beside, is_newest=True)


def find_version(snapshot: Snapshot, place: Place, version: str) -> Version | None:
    """The version with that id (``null``: without one), marker or not. Raises ``ARGUMENT_INVALID`` for no id."""
    sequence = None if version == NULL else sequence_to_look_at(version)
    newest = find_newest(snapshot, place)
    if newest is None or (newest.record.version_id or NULL) == version:
        return newest
    bucket_id = place.bucket.id
    if sequence is None:
        where = snapshot.get(layout.null_version(bucket_id, place.name))
        at = None if where is None else layout.versions_of(bucket_id, place.name) + where
    else:
        at = layout.version(bucket_id, place.name, sequence)
    found = None if at is None else find_object(snapshot, at)
    if at is None or found is None or (found[0].version_id or NULL) != version:
        return None
    return Version(at=at, record=found[0], inline=found[1], is_newest=False)


def require_version(snapshot: Snapshot, place: Place, version: str = "") -> Version:
    """The version to read (empty: the newest).

    Raises ``OBJECT_NOT_FOUND`` where there is none or the newest is a marker, ``VERSION_NOT_FOUND``, and
    ``METHOD_NOT_ALLOWED`` for a version that is a marker; the last and the first tell of the marker in their fields.
    """
    found = find_version(snapshot, place, version) if version else find_newest(snapshot, place)
    if found is None:
        if version and version != NULL:
            raise Problem(errors.VERSION_NOT_FOUND, version_id=version)
        raise Problem(errors.OBJECT_NOT_FOUND)
    if not found.record.is_marker:
        return found
    marker = {"delete_marker": found.record.version_id or NULL}
    if not version:
        raise Problem(errors.OBJECT_NOT_FOUND, **marker)
    marker |= {"allow": "DELETE", "modified": str(found.record.modified_ms // 1000)}
    raise Problem(errors.METHOD_NOT_ALLOWED, Method="GET", ResourceType="DeleteMarker", **marker)


def shown_version(bucket: BucketRecord, record: ObjectRecord) -> str | None:
    """The version's id as clients see it; None where the bucket never kept versions."""
    return (record.version_id or NULL) if bucket.versioning else None
