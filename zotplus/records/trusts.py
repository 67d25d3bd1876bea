"""Records of trusts: which tokens of other issuers stand for which workload here."""

from collections.abc import Iterator

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.shape import Shape


class TrustRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A trust. ``issuer`` is a name in the settings, ``claims`` are paths with their patterns, ``lifetime`` seconds.

    ``created_ms`` stays when the trust is changed: what was issued under another one of the same name is older.
    """

    issuer: str
    audience: str
    claims: tuple[tuple[str, tuple[str, ...]], ...]
    lifetime: int
    reuse: bool
    description: str
    created_ms: int
    changed_ms: int


TRUST = Shape(b"t\x01", TrustRecord)


def find_trust(snapshot: Snapshot, name: str) -> TrustRecord | None:
    """The trust, or None."""
    data = snapshot.get(layout.trust(name))
    return None if data is None else TRUST.decode(data)


def trusts(snapshot: Snapshot) -> Iterator[tuple[str, TrustRecord]]:
    """Name and record of every trust, by name."""
    for key, value in snapshot.scan(*layout.table_span(layout.TRUSTS)):
        yield key[1:].decode(), TRUST.decode(value)


def put_trust(transaction: Transaction, name: str, record: TrustRecord) -> None:
    """Store the trust."""
    transaction.put(layout.trust(name), TRUST.encode(record))


def delete_trust(transaction: Transaction, name: str) -> None:
    """Remove the trust."""
    transaction.delete(layout.trust(name))
