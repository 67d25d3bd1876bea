"""Counting references anew: who refers to which blob, read page by page from the objects and parts themselves."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from functools import partial
from itertools import islice

import msgspec

from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE, correct, find_reference
from zotplus.records.buckets import BUCKET
from zotplus.records.objects import SliceRecord, decode_object
from zotplus.records.uploads import PART

PAGE = 200
"""Records read in one snapshot: with 16 KiB of inline content each, 3 MiB."""
ROUNDS = 3
"""How often a count must differ in the same way, since objects change between the pages of one round."""


class Miscount(msgspec.Struct, frozen=True):
    """A blob whose recorded count (None: no record) is not the number of its references."""

    digest: bytes
    recorded: int | None
    counted: int


async def pages(store: KeyValue, prefix: bytes) -> AsyncIterator[tuple[bytes, bytes]]:
    """All pairs under ``prefix``, a page to a snapshot; changes made meanwhile may or may not show."""
    start, stop = layout.table_span(prefix)
    while True:
        page = await store.read(partial(_first, start=start, stop=stop))
        for pair in page:
            yield pair
        if len(page) < PAGE:
            return
        start = page[-1][0] + b"\0"


def slices_of(key: bytes, value: bytes) -> tuple[SliceRecord, ...]:
    """The slices of an object's or part's record; none where it cannot be read, which the scrub reports by itself."""
    try:
        return PART.decode(value).slices if key.startswith(layout.PARTS) else decode_object(value)[0].slices
    except Problem:
        return ()


async def find_miscounts(store: KeyValue) -> list[Miscount]:
    """Blobs whose recorded count is wrong, and stays wrong in the same way over several rounds."""
    suspects = await _compare(store, None)
    for _ in range(ROUNDS - 1):
        if not suspects:
            break
        again = set(await _compare(store, {one.digest for one in suspects}))
        suspects = [one for one in suspects if one in again]
    return suspects


async def correct_counts(store: KeyValue, miscounts: Collection[Miscount], now_ms: int) -> int:
    """Count the references of those blobs in one transaction and record what was found; how many were corrected.

    Other writers wait while it walks all objects, which is why it is asked for by hand.
    """
    digests = {one.digest for one in miscounts}

    def recount(transaction: Transaction) -> int:
        counted: Counter[bytes] = Counter()
        sizes: dict[bytes, int] = {}
        for key, value in _referring(transaction):
            for piece in slices_of(key, value):
                if piece.digest in digests:
                    counted[piece.digest] += 1
                    sizes[piece.digest] = max(sizes.get(piece.digest, 0), piece.offset + piece.length)
        return sum([_correct_one(transaction, one, (counted[one], sizes.get(one, 0)), now_ms) for one in digests])

    return await store.write(recount)


async def bucket_names(store: KeyValue) -> dict[bytes, str]:
    """Bucket id -> name."""
    return {BUCKET.decode(value).id: key[1:].decode() async for key, value in pages(store, layout.BUCKETS)}


async def referrers(store: KeyValue, digests: Collection[bytes]) -> dict[bytes, list[str]]:
    """Digest -> who refers to it, for people: ``bucket/key``, with upload id and number for a part."""
    found: dict[bytes, list[str]] = {digest: [] for digest in digests}
    if not found:
        return found
    names = await bucket_names(store)
    places: dict[str, str] = {}
    async for key, _ in pages(store, layout.UPLOADS):
        name, upload_id = layout.split_upload(key)
        places[upload_id] = f"{bucket_name(names, key)}/{name.decode()}"
    async for key, value in pages(store, layout.OBJECTS):
        _note(found, slices_of(key, value), f"{bucket_name(names, key)}/{object_name(key)}")
    async for key, value in pages(store, layout.VERSIONS):
        _note(found, slices_of(key, value), f"{bucket_name(names, key)}/{object_name(key)}")
    async for key, value in pages(store, layout.PARTS):
        upload_id = layout.part_upload(key)
        place = f"{places.get(upload_id, '?')} (upload {upload_id}, part {layout.part_number(key)})"
        _note(found, slices_of(key, value), place)
    return found


async def _compare(store: KeyValue, only: Collection[bytes] | None) -> list[Miscount]:
    """Recorded against counted, for ``only`` those digests or for all."""
    counted: Counter[bytes] = Counter()
    for table in (layout.OBJECTS, layout.VERSIONS, layout.PARTS):
        async for key, value in pages(store, table):
            counted.update([one.digest for one in slices_of(key, value) if only is None or one.digest in only])
    recorded = {
        key[1:]: REFERENCE.decode(value).count
        async for key, value in pages(store, layout.REFERENCES)
        if only is None or key[1:] in only
    }
    return [
        Miscount(digest, recorded.get(digest), counted[digest])
        for digest in sorted({*counted, *recorded})
        if recorded.get(digest) != counted[digest]
    ]


def _first(snapshot: Snapshot, start: bytes, stop: bytes | None) -> list[tuple[bytes, bytes]]:
    return list(islice(snapshot.scan(start, stop), PAGE))


def _referring(snapshot: Snapshot) -> Iterator[tuple[bytes, bytes]]:
    yield from snapshot.scan(*layout.table_span(layout.OBJECTS))
    yield from snapshot.scan(*layout.table_span(layout.VERSIONS))
    yield from snapshot.scan(*layout.table_span(layout.PARTS))


def _correct_one(transaction: Transaction, digest: bytes, found: tuple[int, int], now_ms: int) -> bool:
    count, size = found
    record = find_reference(transaction, digest)
    if (None if record is None else record.count) == count:
        return False
    correct(transaction, digest, count, size, now_ms)
    return True


def bucket_name(names: dict[bytes, str], key: bytes) -> str:
    """The bucket's name for the key of an object or upload."""
    return names.get(key[1 : layout.OBJECT_KEY_OFFSET], "(removed bucket)")


def object_name(key: bytes) -> str:
    """The object's key, for people, from the key of one of its versions."""
    if key.startswith(layout.VERSIONS):
        return f"{layout.split_version(key)[0].decode()} (earlier version)"
    return key[layout.OBJECT_KEY_OFFSET :].decode()


def _note(found: dict[bytes, list[str]], slices: tuple[SliceRecord, ...], place: str) -> None:
    for digest in {one.digest for one in slices}:
        if digest in found:
            found[digest].append(place)
