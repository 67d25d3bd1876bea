"""Records of the audit log's keys and heads; its records themselves are files (adapters/audit)."""

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.sealed import SealedTable, field_of
from zotplus.records.shape import Shape


class AuditKeyRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A key that signs checkpoints: ``public`` plain, so that verifying needs no master key, the private one sealed."""

    created_ms: int
    public: bytes
    sealed: bytes


AUDIT_KEY = Shape(b"k\x01", AuditKeyRecord)

SEALED_AUDIT_KEYS = SealedTable(name="keys of the audit log", prefix=layout.AUDIT_KEYS, resealed=field_of(AUDIT_KEY))


def audit_keys(snapshot: Snapshot) -> dict[str, AuditKeyRecord]:
    """All keys by their ids. Raises ``STORAGE_FAILED`` for a damaged one."""
    found = snapshot.scan(*layout.table_span(layout.AUDIT_KEYS))
    return {key[1:].decode(): AUDIT_KEY.decode(value) for key, value in found}


def put_audit_key(transaction: Transaction, key_id: str, record: AuditKeyRecord) -> None:
    """Store a key."""
    transaction.put(layout.audit_key(key_id), AUDIT_KEY.encode(record))


def audit_heads(snapshot: Snapshot) -> dict[str, bytes]:
    """The newest checkpoint's line of each stream, as it was written last."""
    found = snapshot.scan(*layout.table_span(layout.AUDIT_HEADS))
    return {key[1:].decode(): value for key, value in found}


def put_audit_head(transaction: Transaction, stream: str, line: bytes) -> None:
    """Store the newest checkpoint of a stream."""
    transaction.put(layout.audit_head(stream), line)
