"""Emptying a bucket with object lock: nothing goes while a version is locked, and each one is judged as it goes.

A bucket without object lock holds no locks; it loses its name first and is emptied afterwards (``services.emptying``).
"""

from collections.abc import Callable
from functools import partial
from itertools import islice

from zotplus.domain.errors import Problem
from zotplus.domain.versions import NULL
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.objects import decode_object
from zotplus.services.configuration.locks import check_unlocked
from zotplus.services.lookups import find_bucket
from zotplus.services.values import Deletion, VersionEntry, VersionQuery
from zotplus.services.versioning.finding import find_place
from zotplus.services.versioning.listing import list_versions
from zotplus.services.versioning.removing import delete

BATCH = 1_000
"""Records of one transaction, as ``services.emptying`` has it."""


async def empty_unlocked(store: KeyValue, name: str, now_ms: int) -> int:
    """Delete every version of the bucket; how many. Raises ``BUCKET_NOT_FOUND``, ``OBJECT_LOCKED``.

    Where something is locked from the beginning nothing is deleted; the refusal names one such version.
    """
    await _require_unlocked(store, name, now_ms)
    removed = 0
    while True:
        count = await store.write(lambda transaction: _delete_batch(transaction, name, now_ms))
        if count == 0:
            return removed
        removed += count


async def _require_unlocked(store: KeyValue, name: str, now_ms: int) -> None:
    bucket_id = (await store.read(lambda snapshot: find_bucket(snapshot, name))).id
    for table, name_of in ((layout.objects(bucket_id), _name_of_newest), (layout.versions(bucket_id), _name_of_other)):
        start, stop = layout.table_span(table)
        while start:
            start = await store.read(partial(_check_batch, span=(start, stop), name_of=name_of, now_ms=now_ms))


def _name_of_newest(place: bytes) -> bytes:
    return place[layout.OBJECT_KEY_OFFSET :]


def _name_of_other(place: bytes) -> bytes:
    return layout.split_version(place)[0]


def _check_batch(
    snapshot: Snapshot, *, span: tuple[bytes, bytes | None], name_of: Callable[[bytes], bytes], now_ms: int
) -> bytes:
    """Judge up to ``BATCH`` records; where to go on, empty where nothing is left."""
    place = b""
    for place, data in islice(snapshot.scan(*span), BATCH):
        record, _ = decode_object(data)
        try:
            check_unlocked(record, now_ms, bypass=False)
        except Problem as problem:
            key, version = name_of(place).decode(), record.version_id or NULL
            detail = f"The version {version} of {key} is locked, so nothing was deleted."
            raise Problem(problem.fault, detail, key=key, version_id=version) from problem
    return place and place + b"\0"


def _delete_batch(transaction: Transaction, name: str, now_ms: int) -> int:
    bucket_id = find_bucket(transaction, name).id
    page = list_versions(transaction, bucket_id, VersionQuery(limit=BATCH))
    found = [entry for entry in page.items if isinstance(entry, VersionEntry)]
    for entry in found:
        delete(transaction, find_place(transaction, name, entry.key), Deletion(version=entry.version), now_ms)
    return len(found)
