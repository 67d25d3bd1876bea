"""The registry's own users: names that several access keys belong to, for clients of AWS IAM.

A user is no credential. Grants and policies know it as ``user:iam:<name>``, and its keys answer to that name beside
their own: what the user is given its keys have, from the next request on. Policies of its own are kept with it.

Spec: AWS IAM API Reference, "CreateUser", "CreateAccessKey", "PutUserPolicy".
"""

import re
import secrets
import string
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import PolicyKind, parse_policy
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.access import (
    CREDENTIAL,
    CredentialRecord,
    UserRecord,
    delete_user,
    find_credential,
    find_user,
    grants_of,
    is_taken,
    last_used_ms,
    put_credential,
    put_user,
    users,
)
from zotplus.records.policies import policies_of
from zotplus.services.identity.access import delete_credential
from zotplus.services.identity.administrators import guarded
from zotplus.services.identity.credentials import (
    Credential,
    NewCredential,
    draft_credential,
    is_key_id,
    sealed_record,
    shown_credential,
)
from zotplus.services.identity.grants import insert_credential
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.sharing.leaving import forget_principal

KEYS_MAX: Final = 10
"""Access keys of one user; AWS has two, and rotating by hand needs no more."""
INLINE_MAX: Final = 10
"""Policies of a user's own; AWS bounds their characters together."""

_ID_ALPHABET = string.ascii_uppercase + string.digits
_ID_RANDOM = 17
_is_user_name = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII).fullmatch
_is_inline_name = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII).fullmatch
_is_path = re.compile(r"/(?:[!-~]{1,510}/)?").fullmatch


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user; ``created`` in seconds since the epoch. ``grantee`` is what grants and policies call it."""

    name: str
    id: str
    path: str
    created: float

    @property
    def grantee(self) -> str:
        """The name by which grants and policies know the user."""
        return USER_PREFIX + self.name


class Users:
    """Users over the key-value port. Every change keeps somebody who administers, or raises ``LAST_ADMINISTRATOR``."""

    def __init__(self, store: KeyValue, sealing: Sealing, *, clock: Clock = time.time) -> None:
        self._store = store
        self._sealing = sealing
        self._clock = clock

    async def create(self, name: str, path: str = "/") -> User:
        """Make a user. Raises ``ARGUMENT_INVALID``, ``RECORD_EXISTS`` also where only capitals differ."""
        _require_form("UserName", name, _is_user_name(name) is not None)
        _require_form("Path", path, _is_path(path) is not None)
        id_ = "ZPU" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_RANDOM))
        record = UserRecord(name=name, id=id_, path=path, created_ms=milliseconds(self._clock()))

        def insert(transaction: Transaction) -> User:
            is_key = is_key_id(name) and find_credential(transaction, name) is not None  # one ARN would mean both
            if is_taken(transaction, name) or is_key:
                raise Problem(errors.RECORD_EXISTS, f"User with name {name} already exists.")
            put_user(transaction, record)
            return _user(record)

        return await self._store.write(insert)

    async def get(self, name: str) -> User:
        """The user of this name. Raises ``RECORD_NOT_FOUND``, and as all others ``ARGUMENT_INVALID`` for no name."""
        return await self._store.read(lambda snapshot: _user(_require(snapshot, name)))

    async def list(self, path: str = "/") -> tuple[User, ...]:
        """All users by name whose path begins so."""
        found = await self._store.read(lambda snapshot: tuple([_user(record) for record in users(snapshot)]))
        return tuple([user for user in found if user.path.startswith(path)])

    async def delete(self, name: str) -> None:
        """Remove a user who has nothing any more. Raises ``RECORD_NOT_FOUND``, ``USER_IN_USE``."""

        def remove(transaction: Transaction) -> None:
            record = _require(transaction, name)
            grantee = USER_PREFIX + name
            left = {
                "access keys": _keys_of(transaction, name),
                "policies": [*record.inline, *policies_of(transaction, grantee)],
                "grants": grants_of(transaction, grantee),
            }
            for what, found in left.items():
                if found:
                    raise Problem(errors.USER_IN_USE, f"Cannot delete entity, must delete {what} first.")
            forget_principal(transaction, grantee)
            delete_user(transaction, name)

        await self._store.write(remove)

    async def put_policy(self, name: str, policy: str, text: str) -> None:
        """Set a policy of the user's own. Raises ``RECORD_NOT_FOUND``, ``POLICY_INVALID``, ``ARGUMENT_INVALID``."""
        _require_form("PolicyName", policy, _is_inline_name(policy) is not None)
        parse_policy(text, PolicyKind.IDENTITY)

        def change(record: UserRecord) -> dict[str, bytes]:
            inline = {**record.inline, policy: text.encode()}
            if len(inline) > INLINE_MAX:
                raise Problem(errors.ARGUMENT_INVALID, f"A user has at most {INLINE_MAX} policies of its own.")
            return inline

        await self._change(name, change)

    async def delete_policy(self, name: str, policy: str) -> None:
        """Remove a policy of the user's own. Raises ``RECORD_NOT_FOUND``."""

        def change(record: UserRecord) -> dict[str, bytes]:
            _require_policy(record, policy)
            return {other: text for other, text in record.inline.items() if other != policy}

        await self._change(name, change)

    async def policy(self, name: str, policy: str) -> str:
        """A policy of the user's own, as it was written. Raises ``RECORD_NOT_FOUND``."""
        record = await self._store.read(lambda snapshot: _require(snapshot, name))
        return _require_policy(record, policy).decode()

    async def policies(self, name: str) -> tuple[str, ...]:
        """The names of the user's own policies. Raises ``RECORD_NOT_FOUND``."""
        record = await self._store.read(lambda snapshot: _require(snapshot, name))
        return tuple(sorted(record.inline))

    async def create_key(self, name: str) -> NewCredential:
        """Make an access key for the user. Raises ``RECORD_NOT_FOUND``, ``USER_KEYS_EXCEEDED``."""
        wanted = Credential(id="", kind=PrincipalKind.KEY, name=name, created=self._clock(), owner=name)
        made = draft_credential(wanted, None)
        record = sealed_record(made, self._sealing)

        def insert(transaction: Transaction) -> None:
            _require(transaction, name)
            if len(_keys_of(transaction, name)) >= KEYS_MAX:
                raise Problem(errors.USER_KEYS_EXCEEDED)
            insert_credential(transaction, made.credential.id, record)

        await self._store.write(insert)
        return made

    async def keys(self, name: str) -> tuple[Credential, ...]:
        """The user's access keys by id. Raises ``RECORD_NOT_FOUND``."""

        def collect(snapshot: Snapshot) -> tuple[Credential, ...]:
            _require(snapshot, name)
            return tuple([shown_credential(id_, record) for id_, record in _keys_of(snapshot, name)])

        return await self._store.read(collect)

    async def owner_of(self, key_id: str) -> Credential:
        """A user's access key, with its last use. Raises ``RECORD_NOT_FOUND`` for every other key."""

        def find(snapshot: Snapshot) -> Credential:
            record = _find_key(snapshot, key_id)
            if record is None or not record.owner:
                raise _no_key(key_id)
            return shown_credential(key_id, record, last_used_ms(snapshot, key_id))

        return await self._store.read(find)

    async def set_active(self, name: str, key_id: str, *, active: bool) -> None:
        """Let a key open things, or nothing. Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""

        def change(transaction: Transaction) -> None:
            record = msgspec.structs.replace(_require_key(transaction, name, key_id), inactive=not active)
            guarded(transaction, self._clock(), lambda: put_credential(transaction, key_id, record))

        await self._store.write(change)

    async def delete_key(self, name: str, key_id: str) -> None:
        """Revoke a key of the user. Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""

        def remove(transaction: Transaction) -> None:
            _require_key(transaction, name, key_id)
            guarded(transaction, self._clock(), lambda: delete_credential(transaction, key_id))

        await self._store.write(remove)

    async def _change(self, name: str, change: "Inline") -> None:
        def store(transaction: Transaction) -> None:
            record = _require(transaction, name)
            changed = msgspec.structs.replace(record, inline=change(record))
            guarded(transaction, self._clock(), lambda: put_user(transaction, changed))

        await self._store.write(store)


Inline: TypeAlias = Callable[[UserRecord], dict[str, bytes]]
"""What becomes of a user's own policies."""


def _user(record: UserRecord) -> User:
    return User(name=record.name, id=record.id, path=record.path, created=record.created_ms / 1000)


def _keys_of(snapshot: Snapshot, name: str) -> list[tuple[str, CredentialRecord]]:
    found = snapshot.scan(*layout.table_span(layout.CREDENTIALS))
    rows = [(key[1:].decode(), CREDENTIAL.decode(value)) for key, value in found]
    return [(id_, record) for id_, record in rows if record.owner == name]


def _require(snapshot: Snapshot, name: str) -> UserRecord:
    _require_form("UserName", name, _is_user_name(name) is not None)
    record = find_user(snapshot, name)
    if record is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"The user with name {name} cannot be found.")
    return record


def _require_policy(record: UserRecord, policy: str) -> bytes:
    text = record.inline.get(policy)
    if text is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"The user policy with name {policy[:128]} cannot be found.")
    return text


def _require_key(snapshot: Snapshot, name: str, key_id: str) -> CredentialRecord:
    _require(snapshot, name)
    record = _find_key(snapshot, key_id)
    if record is None or record.owner != name:
        raise _no_key(key_id)
    return record


def _find_key(snapshot: Snapshot, key_id: str) -> CredentialRecord | None:
    _require_form("AccessKeyId", key_id, is_key_id(key_id))
    return find_credential(snapshot, key_id)


def _no_key(key_id: str) -> Problem:
    return Problem(errors.RECORD_NOT_FOUND, f"The Access Key with id {key_id} cannot be found")


def _require_form(argument: str, text: str, is_right: bool) -> None:  # noqa: FBT001 - what the check said
    if not is_right:
        raise Problem(errors.ARGUMENT_INVALID, f"{argument}: {text[:128]!r} is not in its form.", argument=argument)
