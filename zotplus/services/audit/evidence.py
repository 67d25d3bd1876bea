"""The keys that sign the audit log's checkpoints, and the newest checkpoint of each stream."""

import time
from typing import Protocol

import msgspec

from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.audit import AuditKeyRecord, audit_heads, audit_keys, put_audit_head, put_audit_key
from zotplus.services.lookups import Clock, milliseconds


class KeyScheme(Protocol):
    """How keys are made; ``adapters.audit.signing`` is one."""

    def generate(self) -> bytes:
        """A new private key."""
        ...

    def public_of(self, private: bytes, /) -> bytes:
        """The public key of a private one."""
        ...

    def key_id(self, public: bytes, /) -> str:
        """The name of a public key."""
        ...


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` are public keys by their ids, ``heads`` the newest checkpoint's line of each stream."""

    keys: dict[str, bytes]
    heads: dict[str, bytes]


async def signing_key(store: KeyValue, sealing: Sealing, scheme: KeyScheme, *, clock: Clock = time.time) -> bytes:
    """The private key that signs from now on; made at the first start, one for all processes.

    Raises ``STORAGE_FAILED``, also where the master key is another one, and ``STORAGE_FULL``.
    """
    private = scheme.generate()
    public = scheme.public_of(private)
    name = scheme.key_id(public)
    sealed = sealing.seal(private, layout.audit_key(name))
    drawn = AuditKeyRecord(created_ms=milliseconds(clock()), public=public, sealed=sealed)

    def ensure(transaction: Transaction) -> None:
        if not audit_keys(transaction):  # another process may have been faster
            put_audit_key(transaction, name, drawn)

    stored = await store.read(audit_keys)
    if not stored:
        await store.write(ensure)
        stored = await store.read(audit_keys)
    newest = max(stored, key=lambda key_id: stored[key_id].created_ms)
    return sealing.open(stored[newest].sealed, layout.audit_key(newest))


async def known(store: KeyValue) -> Known:
    """Public keys and heads, of one moment. Raises ``STORAGE_FAILED``."""

    def collect(snapshot: Snapshot) -> Known:
        keys = {name: record.public for name, record in audit_keys(snapshot).items()}
        return Known(keys=keys, heads=audit_heads(snapshot))

    return await store.read(collect)


async def keep_head(store: KeyValue, stream: str, line: bytes) -> None:
    """Remember that ``stream`` has come as far as the checkpoint in ``line``. Raises ``STORAGE_FULL``."""
    await store.write(lambda transaction: put_audit_head(transaction, stream, line))
