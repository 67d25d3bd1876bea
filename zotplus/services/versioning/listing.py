"""Listing versions and delete markers in pages: two tables walked side by side, and common prefixes skipped in both.

Spec: Amazon S3 API Reference, ListObjectVersions.
"""

import heapq
from collections.abc import Iterator
from itertools import islice

import msgspec

from zotplus.domain.versions import NULL, sequence_of
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.objects import decode_object, fragment_of
from zotplus.services.values import VersionEntry, VersionListing, VersionQuery
from zotplus.services.versioning.finding import find_object
from zotplus.services.walk import resume_after, wire

_PAST = b"\1"  # behind a key's own entries in both tables, and before any longer key: no key holds NUL
_Found = tuple[bytes, bool, bytes]  # object key, whether beside the object's own place, stored record


class _Start(msgspec.Struct, frozen=True):
    """Where the walk begins in each of the two tables, behind the bucket's id."""

    newest: bytes
    beside: bytes


def list_versions(snapshot: Snapshot, bucket_id: bytes, query: VersionQuery) -> VersionListing:
    """One page. Raises ``PATH_INVALID``, ``ARGUMENT_INVALID`` for a version marker that is no id."""
    if query.limit == 0:
        return VersionListing(items=())
    found = islice(_walk(snapshot, bucket_id, query), query.limit + 1)
    items: list[VersionEntry | str] = []
    # The entry that follows a marker within its key is not the newest: that was on an earlier page.
    previous = wire(query.after) if query.after_version else None
    for one in found:
        if isinstance(one, bytes):
            items.append(one.decode())
            continue
        name, _, data = one
        items.append(_entry(name, data, is_newest=name != previous))
        previous = name
    if len(items) <= query.limit:
        return VersionListing(items=tuple(items))
    items.pop()
    last = items[-1]
    return VersionListing(
        items=tuple(items), next_after=(last, "") if isinstance(last, str) else (last.key, last.version)
    )


def _walk(snapshot: Snapshot, bucket_id: bytes, query: VersionQuery) -> Iterator[_Found | bytes]:
    """Versions and common prefixes in order, lazily."""
    prefix, delimiter = wire(query.prefix), wire(query.delimiter)
    start: _Start | None = _start(snapshot, bucket_id, query)
    while start is not None:
        common = None
        for one in _merged(snapshot, bucket_id, prefix, start):
            cut = one[0].find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                common = one[0][: cut + len(delimiter)]
                yield common
                break
            yield one
        behind = None if common is None else layout.after(common)
        start = None if behind is None else _Start(behind, behind)


def _merged(snapshot: Snapshot, bucket_id: bytes, prefix: bytes, start: _Start) -> Iterator[_Found]:
    newest, beside = layout.objects(bucket_id), layout.versions(bucket_id)
    skip = layout.OBJECT_KEY_OFFSET
    current = (
        (key[skip:], False, data) for key, data in snapshot.scan(newest + start.newest, layout.after(newest + prefix))
    )
    earlier = (
        (layout.split_version(key)[0], True, data)
        for key, data in snapshot.scan(beside + start.beside, layout.after(beside + prefix))
    )
    # Within one key the order of each table stands: merging is stable, and the newest comes from the first.
    return heapq.merge(current, earlier, key=lambda one: one[:2])


def _start(snapshot: Snapshot, bucket_id: bytes, query: VersionQuery) -> _Start | None:
    """Where to go on; None where the marker lies behind everything with the prefix."""
    prefix, marker = wire(query.prefix), wire(query.after)
    resume = resume_after(prefix, wire(query.delimiter), marker)
    if resume != marker + b"\0":
        return _Start(resume, resume) if resume.startswith(prefix) else None
    if not marker.startswith(prefix):
        return None
    past = marker + _PAST
    if not query.after_version:
        return _Start(past, past)
    sequence = _marker_sequence(snapshot, bucket_id, marker, query.after_version)
    if sequence is None:
        return _Start(past, past)
    return _Start(past, layout.version(bucket_id, marker, sequence)[layout.OBJECT_KEY_OFFSET :] + b"\0")


def _marker_sequence(snapshot: Snapshot, bucket_id: bytes, name: bytes, version: str) -> int | None:
    """The sequence of the version that a page ended with; None for a null version that is gone."""
    if version != NULL:
        return sequence_of(version)
    where = snapshot.get(layout.null_version(bucket_id, name))
    if where is not None:
        return layout.split_version(layout.versions_of(bucket_id, name) + where)[1]
    newest = find_object(snapshot, layout.object_(bucket_id, name))
    return None if newest is None else newest[0].sequence


def _entry(name: bytes, data: bytes, *, is_newest: bool) -> VersionEntry:
    record, _ = decode_object(data)
    return VersionEntry(
        key=name.decode(),
        version=record.version_id or NULL,
        is_newest=is_newest,
        is_marker=record.is_marker,
        fragment=fragment_of(data),
        owner=record.owner,
        modified=record.modified_ms / 1000,
    )
