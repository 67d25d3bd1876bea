"""Giving an object another key in one atomic step: content, metadata, tags and dates stay as they are.

A rename is remembered by its client's token, so that one that is sent again succeeds again.

Spec: Amazon S3 API Reference, RenameObject. As there it is for buckets that keep no versions: a version belongs to its
key, and taking it elsewhere would tear the history of both.
"""

import hashlib
import time

import msgspec

from zotplus.domain import errors, failpoints
from zotplus.domain.conditions import UNCONDITIONAL_READ, ReadConditions, check_rename
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import acquire
from zotplus.records.buckets import RENAMED, RenamedRecord
from zotplus.services.configuration.usage import bounded_usage, charge
from zotplus.services.lookups import Clock, now_ms
from zotplus.services.projections import attributes_of, encoded_object
from zotplus.services.values import NOBODY, Actor
from zotplus.services.versioning.finding import Place, Version, find_newest, find_place, require_version
from zotplus.services.versioning.removing import announce_removal
from zotplus.services.versioning.storing import announce_version, drop


class Rename(msgspec.Struct, frozen=True, kw_only=True):
    """What to rename: the key ``source`` of ``bucket`` to ``target``, each under its conditions.

    ``token`` is the client's for this very rename, empty where it has none. ``with_tags`` says that the caller may give
    the target the source's tags.
    """

    bucket: str
    source: str
    target: str
    source_conditions: ReadConditions = UNCONDITIONAL_READ
    target_conditions: ReadConditions = UNCONDITIONAL_READ
    token: str = ""
    with_tags: bool = False
    by: Actor = NOBODY


class Renaming:
    """Renames over the key-value port."""

    def __init__(self, store: KeyValue, *, clock: Clock = time.time) -> None:
        self._store = store
        self._clock = clock

    async def rename(self, wanted: Rename) -> None:
        """Do it, or find that it was done.

        Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``REQUEST_INVALID`` for a bucket
        that keeps versions and for a key onto itself, ``RENAME_MISMATCH`` for a token that was used for another rename,
        ``ACCESS_DENIED`` for tags that came to the source meanwhile.
        """
        renamed_ms = now_ms(self._clock)
        failpoints.hit("objects.copy.before_metadata")
        await self._store.write(lambda transaction: _rename(transaction, wanted, renamed_ms))
        failpoints.hit("objects.copy.after_metadata")


def _rename(transaction: Transaction, wanted: Rename, renamed_ms: int) -> None:
    source, target = (find_place(transaction, wanted.bucket, key) for key in (wanted.source, wanted.target))
    if source.bucket.versioning:
        raise Problem(errors.REQUEST_INVALID, "RenameObject is for buckets that keep no versions.")
    if source.at == target.at:
        raise Problem(errors.REQUEST_INVALID, "An object cannot be renamed to the key that it has.")
    note = layout.renamed(source.bucket.id, hashlib.sha256(wanted.token.encode(errors="replace")).digest())
    asked = hashlib.sha256(b"%d %b%b" % (len(source.name), source.name, target.name)).digest()
    if wanted.token and _was_done(transaction, note, asked):
        return
    found = require_version(transaction, source)
    check_rename(wanted.source_conditions, (found.record.etag, found.record.modified_ms / 1000), "source")
    former = find_newest(transaction, target)
    there = None if former is None else (former.record.etag, former.record.modified_ms / 1000)
    check_rename(wanted.target_conditions, there, "destination")
    if not wanted.with_tags and attributes_of(found.record).tags:
        raise Problem(errors.ACCESS_DENIED, "The object has tags, which you may not set.")
    _move(transaction, (source, target), (found, former), renamed_ms)
    _tell(transaction, (source, target), found, (wanted.by, renamed_ms))
    if wanted.token:
        transaction.put(note, RENAMED.encode(RenamedRecord(asked=asked, renamed_ms=renamed_ms)))


def _was_done(snapshot: Snapshot, note: bytes, asked: bytes) -> bool:
    data = snapshot.get(note)
    if data is None:
        return False
    if RENAMED.decode(data).asked != asked:
        raise Problem(errors.RENAME_MISMATCH)
    return True


def _move(
    transaction: Transaction, places: tuple[Place, Place], versions: tuple[Version, Version | None], now: int
) -> None:
    """What was at the target goes, and the source takes its place; no blob is without a reference in between."""
    (source, target), (found, former) = places, versions
    before = bounded_usage(transaction, target.bucket)
    acquire(transaction, found.record.slices)
    if former is not None:
        drop(transaction, target, former, now)
    drop(transaction, source, found, now)
    transaction.put(target.at, encoded_object(found.record, found.inline))
    charge(transaction, target.bucket, found.record.size, 1, before)


def _tell(transaction: Transaction, places: tuple[Place, Place], found: Version, by: tuple[Actor, int]) -> None:
    source, target = places
    announce_version(transaction, target, found.record, ("ObjectCreated:Copy", *by))
    if source.bucket.documents:
        announce_removal(transaction, source, found, *by)
