"""Reading all versions of a bucket in pages, each version with what rules look at.

The newest versions and the others lie in two tables that are read side by side, so that the versions of one key come
together, the newest first. A page ends anywhere, even within a key with a million versions; what the next one must know
of that key is in its cursor.
"""

import heapq
from collections.abc import Iterator
from itertools import islice

import msgspec

from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Facts
from zotplus.domain.storage.lifecycle.rules import RuleSet
from zotplus.domain.storage.lifecycle.validation import NEWER_LIMIT
from zotplus.domain.versions import NULL
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ObjectRecord, decode_object
from zotplus.services.versioning.finding import Place, Version

PAGE = 200
"""Versions read in one snapshot: with 16 KiB of inline content each, 3 MiB."""

_Row = tuple[bytes, bool, bytes, bytes]  # object key, whether beside the object's own place, store key, stored record


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next page begins, behind the bucket's id in each table; ``seen`` versions of ``name`` came before.

    Only keys with ``prefix`` are read.
    """

    prefix: bytes = b""
    newest: bytes = b""
    beside: bytes = b""
    name: bytes = b""
    seen: int = 0


def walk_under(prefix: str) -> Cursor:
    """The beginning of a walk over all versions of keys with ``prefix``."""
    start = prefix.encode()
    return Cursor(prefix=start, newest=start, beside=start)


def prefixes_of(rules: RuleSet) -> tuple[str, ...]:
    """The prefixes below which there is something to do for versions; none of them begins with another."""
    wanted = {rule.filter.prefix or "" for rule in rules.enabled if rule.concerns_versions}
    kept: list[str] = []
    for prefix in sorted(wanted):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A version as a page showed it; ``version`` is its id, or ``null``. It may have changed since."""

    version: str
    facts: Facts


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some versions, how many could not be read (which the scrub tells of), and where to go on: None at the end."""

    versions: tuple[Seen, ...]
    damaged: int = 0
    following: Cursor | None = None


def read_page(snapshot: Snapshot, bucket: BucketRecord, cursor: Cursor, limit: int = PAGE) -> Page:
    """The versions from ``cursor`` on, ``limit`` at most."""
    rows = list(islice(_rows(snapshot, bucket, cursor), limit + 1))  # one more tells whether a marker is alone
    found: list[Seen] = []
    name, seen, damaged = cursor.name, cursor.seen, 0
    for number, row in enumerate(rows[:limit]):
        seen = seen + 1 if row[0] == name and number + cursor.seen > 0 else 1
        name = row[0]
        is_last = number + 1 == len(rows) or rows[number + 1][0] != name
        try:
            record = decode_object(row[3])[0]
        except Problem:
            damaged += 1
            continue
        place = None if seen == 1 else seen - 2
        version = record.version_id or NULL
        found.append(Seen(version=version, facts=_facts(name.decode(), record, place, is_alone=seen == 1 and is_last)))
    following = None if len(rows) <= limit else _behind(cursor, rows[limit - 1], seen)
    return Page(versions=tuple(found), damaged=damaged, following=following)


def facts_now(snapshot: Snapshot, place: Place, found: Version) -> Facts:
    """What rules look at of a version that is there now."""
    prefix = layout.versions_of(place.bucket.id, place.name)
    beside = list(islice(snapshot.scan(*layout.table_span(prefix)), NEWER_LIMIT + 2)) if place.bucket.versioning else []
    # Without an object at its own place the first beside is the newest version, a delete marker.
    hidden = 0 if snapshot.get(place.at) is not None else 1
    if found.is_newest:
        others = len(beside) - (0 if found.at == place.at else 1)
        return _facts(place.key, found.record, None, is_alone=others == 0)
    newer = next((number for number, (at, _) in enumerate(beside) if at == found.at), NEWER_LIMIT + 1)
    return _facts(place.key, found.record, newer - hidden, is_alone=False)


def _rows(snapshot: Snapshot, bucket: BucketRecord, cursor: Cursor) -> Iterator[_Row]:
    newest, beside = layout.objects(bucket.id), layout.versions(bucket.id)
    skip = layout.OBJECT_KEY_OFFSET
    current = (
        (key[skip:], False, key, data)
        for key, data in snapshot.scan(newest + cursor.newest, layout.after(newest + cursor.prefix))
    )
    if not bucket.versioning:
        return current
    earlier = (
        (layout.split_version(key)[0], True, key, data)
        for key, data in snapshot.scan(beside + cursor.beside, layout.after(beside + cursor.prefix))
    )
    # Within one key the order of each table stands: merging is stable, and the newest comes from the first.
    return heapq.merge(current, earlier, key=lambda row: row[:2])


def _behind(cursor: Cursor, row: _Row, seen: int) -> Cursor:
    """No key holds NUL, so a name with one behind it is past its object and before its earlier versions."""
    name, is_beside, at, _ = row
    past = name + b"\0"
    beside = at[layout.OBJECT_KEY_OFFSET :] + b"\0" if is_beside else past
    return Cursor(prefix=cursor.prefix, newest=past, beside=beside, name=name, seen=seen)


def _facts(key: str, record: ObjectRecord, newer: int | None, *, is_alone: bool) -> Facts:
    """``newer`` counts the noncurrent versions before it; None for the newest."""
    return Facts(
        key=key,
        created_ms=record.modified_ms,
        size=record.size,
        tags={} if record.extras is None else record.extras.tags,
        storage_class=record.storage_class,
        superseded_ms=None if newer is None else max(record.noncurrent_ms, record.modified_ms),
        newer=newer or 0,
        is_marker=record.is_marker,
        is_alone=is_alone,
    )
