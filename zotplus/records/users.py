"""Records of the registry's own users: names that access keys belong to, with the policies that are theirs alone."""

from collections.abc import Iterator

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.shape import Shape


class UserRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A user: ``id`` never comes again, ``path`` is for people. ``inline`` are policies (JSON) by name."""

    name: str
    id: str
    path: str
    created_ms: int
    inline: dict[str, bytes] = {}


USER = Shape(b"i\x01", UserRecord)


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
