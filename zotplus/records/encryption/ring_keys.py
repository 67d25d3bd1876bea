"""Records of the keys that wrap the keys of objects. Their own secrets are sealed under the master key."""

from functools import lru_cache

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.sealed import Reseal, SealedTable
from zotplus.records.shape import Shape


class RingVersionRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One version of a key, made at ``created_ms``; ``sealed`` are its 32 bytes."""

    created_ms: int
    sealed: bytes


class RingKeyRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A wrapping key: its ``versions``, of which the last one wraps and all unwrap, unless it is ``disabled``."""

    created_ms: int
    versions: tuple[RingVersionRecord, ...]
    disabled: bool = False
    description: str = ""


RING_KEY = Shape(b"K\x01", RingKeyRecord)


def find_ring_key(snapshot: Snapshot, key_id: str) -> RingKeyRecord | None:
    """The key of that id, or None."""
    data = snapshot.get(layout.ring_key(key_id))
    return None if data is None else _decoded(data)


@lru_cache(maxsize=256)
def _decoded(data: bytes) -> RingKeyRecord:
    """The record in ``data``: every read of an encrypted object asks for one, and its secrets are sealed."""
    return RING_KEY.decode(data)


def put_ring_key(transaction: Transaction, key_id: str, record: RingKeyRecord) -> None:
    """Store a key."""
    transaction.put(layout.ring_key(key_id), RING_KEY.encode(record))


def ring_keys(snapshot: Snapshot) -> dict[str, RingKeyRecord]:
    """All keys by their ids, in order."""
    found = snapshot.scan(*layout.table_span(layout.RING_KEYS))
    return {key[1:].decode(): RING_KEY.decode(value) for key, value in found}


def _resealed(value: bytes, reseal: Reseal) -> bytes:
    record = RING_KEY.decode(value)
    versions = tuple([msgspec.structs.replace(one, sealed=reseal(one.sealed)) for one in record.versions])
    return RING_KEY.encode(msgspec.structs.replace(record, versions=versions))


SEALED_RING_KEYS = SealedTable(name="encryption keys", prefix=layout.RING_KEYS, resealed=_resealed)
