"""Records of credentials, users and grants, and the generation that every change of them raises."""

from collections.abc import Iterator

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.shape import Previous, Shape


class FirstCredentialRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A credential of the first shape: without a scope, with one secret."""

    kind: str
    name: str
    created_ms: int
    expires_ms: int | None
    sealed: bytes


class CredentialRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An access key or robot. ``kind`` is a ``PrincipalKind``'s value, ``sealed`` the secret under the master key.

    ``scope`` is a session policy in JSON that narrows what it may, empty for none. ``former`` is the secret before, in
    the same form, valid until ``former_until_ms``; empty for none. ``owner`` is the user whose key it is, empty for one
    that stands for itself; one that is ``inactive`` is as good as none.
    """

    kind: str
    name: str
    created_ms: int
    expires_ms: int | None
    sealed: bytes
    scope: bytes = b""
    former: bytes = b""
    former_until_ms: int = 0
    owner: str = ""
    inactive: bool = False


class FirstGrantRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A grant of the first shape: it holds from everywhere."""

    grantee: str
    role: str
    pattern: str
    created_ms: int


class GrantRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """``grantee`` has ``role`` on ``pattern``, for requests from ``networks`` (CIDR; none: from everywhere)."""

    grantee: str
    role: str
    pattern: str
    created_ms: int
    networks: tuple[str, ...] = ()


def _with_networks(first: FirstGrantRecord) -> GrantRecord:
    return GrantRecord(**msgspec.structs.asdict(first))


def _unscoped(first: FirstCredentialRecord) -> CredentialRecord:
    return CredentialRecord(**msgspec.structs.asdict(first))


class UserRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A user: ``id`` never comes again, ``path`` is for people. ``inline`` are policies (JSON) by name."""

    name: str
    id: str
    path: str
    created_ms: int
    inline: dict[str, bytes] = {}


CREDENTIAL = Shape(b"C\x02", CredentialRecord, Previous(Shape(b"C\x01", FirstCredentialRecord), _unscoped))
USER = Shape(b"i\x01", UserRecord)
GRANT = Shape(b"G\x02", GrantRecord, Previous(Shape(b"G\x01", FirstGrantRecord), _with_networks))


def generation(snapshot: Snapshot) -> int:
    """The generation of credentials and grants; 0 before the first change."""
    return int.from_bytes(snapshot.get(layout.GENERATION) or b"", "big")


def raise_generation(transaction: Transaction) -> None:
    """Make every cache of credentials and grants stale, in all processes, with this change."""
    transaction.put(layout.GENERATION, (generation(transaction) + 1).to_bytes(8, "big"))


def find_credential(snapshot: Snapshot, credential_id: str) -> CredentialRecord | None:
    """The credential, or None."""
    data = snapshot.get(layout.credential(credential_id))
    return None if data is None else CREDENTIAL.decode(data)


def put_credential(transaction: Transaction, credential_id: str, record: CredentialRecord) -> None:
    """Store a credential, and make every cache of it stale."""
    transaction.put(layout.credential(credential_id), CREDENTIAL.encode(record))
    raise_generation(transaction)


def last_used_ms(snapshot: Snapshot, credential_id: str) -> int | None:
    """When the credential was used last; None where it never was."""
    value = snapshot.get(layout.last_used(credential_id))
    return None if value is None else int.from_bytes(value, "big")


def put_last_used(transaction: Transaction, credential_id: str, now_ms: int) -> None:
    """Note a use; of a later one already noted nothing changes."""
    if now_ms > (last_used_ms(transaction, credential_id) or 0):
        transaction.put(layout.last_used(credential_id), now_ms.to_bytes(8, "big"))


def grants_of(snapshot: Snapshot, grantee: str) -> list[tuple[str, GrantRecord]]:
    """Id and record of every grant of ``grantee``, by id."""
    prefix = layout.grants_of(grantee)
    ids = [key[len(prefix) :].decode() for key, _ in snapshot.scan(*layout.table_span(prefix))]
    found = [(grant_id, snapshot.get(layout.grant(grant_id))) for grant_id in ids]
    return [(grant_id, GRANT.decode(data)) for grant_id, data in found if data is not None]


def put_grant(transaction: Transaction, grant_id: str, record: GrantRecord) -> None:
    """Store a grant and its entry under the grantee."""
    transaction.put(layout.grant(grant_id), GRANT.encode(record))
    transaction.put(layout.grant_of(record.grantee, grant_id), b"")


def delete_grant(transaction: Transaction, grant_id: str, record: GrantRecord) -> None:
    """Remove a grant and its entry under the grantee."""
    transaction.delete(layout.grant(grant_id))
    transaction.delete(layout.grant_of(record.grantee, grant_id))


def find_user(snapshot: Snapshot, name: str) -> UserRecord | None:
    """The user of exactly this name, or None."""
    data = snapshot.get(layout.user(name))
    record = None if data is None else USER.decode(data)
    return record if record is not None and record.name == name else None


def is_taken(snapshot: Snapshot, name: str) -> bool:
    """Whether there is a user of this name, or of one that differs in capitals only."""
    return snapshot.get(layout.user(name)) is not None


def put_user(transaction: Transaction, record: UserRecord) -> None:
    """Store a user."""
    transaction.put(layout.user(record.name), USER.encode(record))


def delete_user(transaction: Transaction, name: str) -> None:
    """Remove a user."""
    transaction.delete(layout.user(name))


def users(snapshot: Snapshot) -> Iterator[UserRecord]:
    """All users by name."""
    for _, value in snapshot.scan(*layout.table_span(layout.USERS)):
        yield USER.decode(value)
