"""Everything that is sealed in the store, and sealing it anew under another master key.

The list below is the only one. A table that is missing from it would be lost with its key, so before an old key is
given up the whole store is searched for what was sealed under it.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import SupportsRotation
from zotplus.records import layout
from zotplus.records.access import CREDENTIAL
from zotplus.records.audit import SEALED_AUDIT_KEYS
from zotplus.records.encryption.ring_keys import SEALED_RING_KEYS
from zotplus.records.sealed import SealedTable, field_of
from zotplus.services.tokens import signing_keys

SEALED_TABLES: tuple[SealedTable, ...] = (
    SealedTable(name="keys and robots", prefix=layout.CREDENTIALS, resealed=field_of(CREDENTIAL, "sealed", "former")),
    SealedTable(name="signing keys", prefix=signing_keys.KEY_PREFIX, resealed=signing_keys.with_sealed_again),
    SEALED_AUDIT_KEYS,
    SEALED_RING_KEYS,
)

_CONTENT = frozenset(
    (layout.BUCKETS + layout.OBJECTS + layout.UPLOADS + layout.PARTS + layout.COMPLETED + layout.PURGING)
    + (layout.VERSIONS + layout.NULL_VERSIONS + layout.DOCUMENTS + layout.USAGE)
    + (layout.REFERENCES + layout.BLOCK_SUMS + layout.UNREFERENCED + layout.HOLDS)
)
"""Tables of what clients store: by far the largest ones, and never sealed under the master key itself."""
_BATCH = 1_000
"""Records of one transaction: some milliseconds, so that a large store does not make one change of many megabytes."""


async def reseal(
    store: KeyValue, sealing: SupportsRotation, tables: Sequence[SealedTable] = SEALED_TABLES
) -> dict[str, int]:
    """Seal everything anew that is not under the current key; how many records of each table were.

    Can be broken off at any point and begun again. Raises ``STORAGE_FAILED`` for a value that no key here opens
    (nothing of its batch is changed) and when something was left under an old key that is in no table.
    """
    counts = {table.name: await _reseal_table(store, sealing, table) for table in tables}
    left = await store.read(lambda snapshot: _left_over(snapshot, sealing.stale_marks()))
    if left is not None:
        raise Problem(errors.STORAGE_FAILED, f"A record of table {left} is still under an old key, which is kept.")
    return counts


async def require_openable(
    store: KeyValue, sealing: SupportsRotation, tables: Sequence[SealedTable] = SEALED_TABLES
) -> None:
    """Refuse master keys that are not those of the store. Raises ``SETTING_INVALID``."""

    def check(snapshot: Snapshot) -> None:
        for table in tables:
            for _, value in snapshot.scan(*layout.table_span(table.prefix)):
                table.resealed(value, _require)

    def _require(sealed: bytes) -> bytes:
        if not sealing.may_open(sealed):
            raise Problem(
                errors.SETTING_INVALID,
                "The store was sealed under another master key than the one in master_key or the file master.key.",
                setting="master_key",
            )
        return sealed

    await store.read(check)


async def _reseal_table(store: KeyValue, sealing: SupportsRotation, table: SealedTable) -> int:
    count = 0
    start: bytes | None = table.prefix
    while start is not None:
        start, changed = await store.write(partial(_reseal_batch, sealing, table, start))
        count += changed
    return count


def _reseal_batch(
    sealing: SupportsRotation, table: SealedTable, start: bytes, transaction: Transaction
) -> tuple[bytes | None, int]:
    """Where to go on, None at the end, and how many records were changed."""
    stop = layout.after(table.prefix)
    found = list(islice(transaction.scan(start, stop), _BATCH + 1))
    changed = 0
    for key, value in found[:_BATCH]:
        new = table.resealed(value, partial(_again, sealing, key))
        if new != value:
            transaction.put(key, new)
            changed += 1
    return found[_BATCH][0] if len(found) > _BATCH else None, changed


def _again(sealing: SupportsRotation, context: bytes, sealed: bytes) -> bytes:
    return sealed if sealing.is_current(sealed) else sealing.seal(sealing.open(sealed, context), context)


def _left_over(snapshot: Snapshot, marks: tuple[bytes, ...]) -> str | None:
    """The letter of a table that still holds something sealed under one of ``marks``."""
    for letter in range(256):
        if letter in _CONTENT:
            continue
        for _, value in snapshot.scan(*layout.table_span(bytes([letter]))):
            if any(mark in value for mark in marks):
                return chr(letter)
    return None
