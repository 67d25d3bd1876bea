"""Moving a version's content into the store of a storage class, one blob at a time.

Each slice of a record says by itself in which store it lies, so between two blobs a version may lie in two stores,
which nobody who reads it notices. A blob is durable in its new place before the record names it there, and the record
names it right after: so the collector, which spares what is new, never comes in between.
"""

import hashlib
from collections.abc import Callable
from functools import partial

import msgspec

from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.domain.versions import NULL
from zotplus.ports.blobs import DIGEST_BYTES, Blobs, SupportsClasses, class_suffix, create_with
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import NewBlob, find_reference, introduce, release
from zotplus.records.objects import ObjectRecord, SliceRecord
from zotplus.services.lookups import now_ms
from zotplus.services.projections import encoded_object
from zotplus.services.values import ObjectInfo
from zotplus.services.versioning.finding import Place, Version, find_place, find_version

Judge = Callable[[Snapshot], tuple[Place, Version] | None]
"""The version to move, or None where it is not (or no longer) to be moved; asked again in every transaction."""
Finish = Callable[[Transaction, Place, Version], None]
"""What else belongs to the move, in the transaction that ends it."""


class Moving(msgspec.Struct, frozen=True, kw_only=True):
    """What to move where: the class's name, and what its blobs have behind their digests."""

    judge: Judge
    storage_class: str
    suffix: bytes
    finish: Finish


class _Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A blob that lies in another store: its address, the new one, and whether it is there already."""

    old: bytes
    blob: NewBlob
    is_there: bool


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """A version to move, and the next blob of it; None where all are in place."""

    piece: _Piece | None


def _nothing_else(_transaction: Transaction, _place: Place, _found: Version) -> None:
    """For moves that nobody is told of."""


async def move(store: KeyValue, blobs: Blobs, moving: Moving) -> bool:
    """Move the version and give it the class; whether it was still to be moved.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``, ``STORAGE_FULL``, ``STORAGE_FAILED``; what was moved by then stays there.
    """
    while True:
        found = await store.read(partial(_find, moving=moving))
        if found is None:
            return False
        # 1. The blob is durable in the other store; nothing refers to it there.
        if found.piece is not None and not found.piece.is_there:
            await _copy(blobs, found.piece)
        failpoints.hit("versions.move.before_metadata")
        # 2. The record names it there, and no longer where it was.
        is_done = await store.write(partial(_replace, moving=moving, piece=found.piece, now=now_ms()))
        failpoints.hit("versions.move.after_metadata")
        if is_done:
            return True


async def settle(store: KeyValue, blobs: Blobs, bucket: str, info: ObjectInfo) -> None:
    """Bring content that was copied from an object of another class into the store of its own class.

    Where that fails it stays where it is and can be read there.
    """
    if not isinstance(blobs, SupportsClasses):
        return
    storage_class = info.attributes.storage_class

    def judge(snapshot: Snapshot) -> tuple[Place, Version] | None:
        place = find_place(snapshot, bucket, info.key)
        found = find_version(snapshot, place, info.version or NULL)
        if found is None or found.record.storage_class != storage_class:
            return None
        return (place, found) if _misplaced(found.record, suffix) is not None else None

    suffix = class_suffix(blobs, storage_class)
    moving = Moving(judge=judge, storage_class=storage_class, suffix=suffix, finish=_nothing_else)
    try:
        await move(store, blobs, moving)
    except Problem:
        return


def _misplaced(record: ObjectRecord, suffix: bytes) -> SliceRecord | None:
    return next((piece for piece in record.slices if piece.digest[DIGEST_BYTES:] != suffix), None)


def _find(snapshot: Snapshot, moving: Moving) -> _Found | None:
    judged = moving.judge(snapshot)
    if judged is None:
        return None
    piece = _misplaced(judged[1].record, moving.suffix)
    if piece is None:
        return _Found(piece=None)
    reference = find_reference(snapshot, piece.digest)
    if reference is None:
        raise Problem(errors.BLOB_MISSING, digest=piece.digest.hex())
    digest = piece.digest[:DIGEST_BYTES] + moving.suffix
    there = find_reference(snapshot, digest)
    sums = snapshot.get(layout.block_sums(piece.digest)) or b""
    blob = NewBlob(digest=digest, size=reference.size, sums=sums)
    return _Found(piece=_Piece(old=piece.digest, blob=blob, is_there=there is not None and there.count > 0))


async def _copy(blobs: Blobs, piece: _Piece) -> None:
    writer, sha256 = await create_with(blobs, piece.blob.digest[DIGEST_BYTES:]), hashlib.sha256()
    try:
        async for chunk in blobs.read(piece.old.hex()):
            sha256.update(chunk)
            await writer.write(chunk)
        _require_equal(sha256.digest(), piece.old)
        await writer.commit(piece.blob.digest.hex())
    except BaseException:  # also when the janitor stops: nothing may be left behind
        await writer.cancel()
        raise


def _require_equal(found: bytes, address: bytes) -> None:
    if found != address[:DIGEST_BYTES]:
        raise Problem(errors.BLOB_CORRUPT, digest=address.hex())


def _replace(transaction: Transaction, moving: Moving, piece: _Piece | None, now: int) -> bool:
    """Let the record name the blob where it is now; whether the version is all in place, and has its class."""
    judged = moving.judge(transaction)
    if judged is None:
        return False
    place, found = judged
    record = found.record
    if piece is not None:
        if piece.is_there and find_reference(transaction, piece.blob.digest) is None:
            return False  # collected since it was looked at
        record = _with(transaction, record, piece, now)
    is_done = _misplaced(record, moving.suffix) is None
    if is_done:
        record = msgspec.structs.replace(record, storage_class=moving.storage_class)
        moving.finish(transaction, place, found)
    transaction.put(found.at, encoded_object(record, found.inline))
    return is_done


def _with(transaction: Transaction, record: ObjectRecord, piece: _Piece, now: int) -> ObjectRecord:
    """The record with the blob's slices in their new place, each counted there and no longer where it was."""
    slices: list[SliceRecord] = []
    for one in record.slices:
        if one.digest != piece.old:
            slices.append(one)
            continue
        introduce(transaction, piece.blob)
        release(transaction, (one,), now)
        slices.append(SliceRecord(piece.blob.digest, one.offset, one.length))
    return msgspec.structs.replace(record, slices=tuple(slices))
