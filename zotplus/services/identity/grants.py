"""Grants: who has which role on what."""

import ipaddress
import secrets
import time
from collections.abc import Collection

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.access import (
    GRANT,
    CredentialRecord,
    GrantRecord,
    delete_grant,
    find_credential,
    find_user,
    grants_of,
    is_taken,
    put_credential,
    put_grant,
    raise_generation,
)
from zotplus.records.trusts import find_trust
from zotplus.services.identity.administrators import guarded
from zotplus.services.identity.credentials import is_credential_id
from zotplus.services.identity.grantees import PUBLIC, is_credential, is_user, require_grantee, require_issuer
from zotplus.services.identity.roles import Role, role_policy
from zotplus.services.lookups import Clock, milliseconds

NETWORKS_MAX = 64
_GRANT_ID_BYTES = 8


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """``grantee`` has ``role`` on ``pattern`` (``oci:team/**``, ``s3:a/*``, ``*``).

    ``networks`` (CIDR) are those it holds from; everywhere when there are none.
    """

    id: str
    grantee: str
    role: Role
    pattern: str
    created: float
    networks: tuple[str, ...] = ()


class Grants:
    """Grants over the key-value port. A change holds from the next request on, in every worker.

    ``issuers`` are the names of the configured ones.
    """

    def __init__(self, store: KeyValue, *, issuers: Collection[str] = (), clock: Clock = time.time) -> None:
        self._store = store
        self._issuers = frozenset(issuers)
        self._clock = clock

    async def give(self, grantee: str, role: Role, pattern: str, networks: tuple[str, ...] = ()) -> Grant:
        """Give ``role`` on ``pattern``; the grant that says so already, where there is one.

        Raises ``RECORD_NOT_FOUND`` for an unknown key, robot or issuer and what nobody can be called,
        ``ARGUMENT_INVALID`` for a pattern that can match nothing, a network that is none and more than reading for
        everybody.
        """
        require_grantee(grantee)
        role_policy(role, pattern)
        if grantee == PUBLIC and role is not Role.READER:
            raise Problem(errors.ARGUMENT_INVALID, "Everybody can only be given the role reader.", argument="role")
        require_issuer(grantee, self._issuers)
        record = GrantRecord(
            grantee=grantee,
            role=role.value,
            pattern=pattern,
            created_ms=milliseconds(self._clock()),
            networks=_networks(networks),
        )
        new_id = new_grant_id()

        def insert(transaction: Transaction) -> Grant:
            if is_credential(grantee):
                require_credential(transaction, grantee)
            _require_trust(transaction, grantee)
            require_user(transaction, grantee)
            return put_grant_once(transaction, new_id, record)

        return await self._store.write(insert)

    async def list(self) -> tuple[Grant, ...]:
        """All grants by id."""

        def collect(snapshot: Snapshot) -> tuple[Grant, ...]:
            found = snapshot.scan(*layout.table_span(layout.GRANTS))
            return tuple([_grant(key[1:].decode(), GRANT.decode(value)) for key, value in found])

        return await self._store.read(collect)

    async def withdraw(self, id_: str) -> None:
        """Remove a grant. Raises ``RECORD_NOT_FOUND``, ``LAST_ADMINISTRATOR``."""

        def remove(transaction: Transaction) -> None:
            data = transaction.get(layout.grant(id_)) if id_.isalnum() and len(id_) == 2 * _GRANT_ID_BYTES else None
            if data is None:
                raise Problem(errors.RECORD_NOT_FOUND, "There is no such grant.")
            guarded(transaction, self._clock(), lambda: delete_grant(transaction, id_, GRANT.decode(data)))

        await self._store.write(remove)


def _require_trust(transaction: Transaction, grantee: str) -> None:
    """A trust that is made later takes over no grant that somebody gave to its name. Raises ``RECORD_NOT_FOUND``."""
    kind, _, name = grantee.partition(":")
    if kind == "trust" and find_trust(transaction, name) is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no trust {name}; make it first.")


def require_user(snapshot: Snapshot, grantee: str) -> None:
    """A user that is made later takes over nothing that somebody gave to the name. Raises ``RECORD_NOT_FOUND``."""
    if is_user(grantee) and find_user(snapshot, grantee.removeprefix(USER_PREFIX)) is None:
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no user {grantee!r:.140}; make it first.")


def new_grant_id() -> str:
    """An id for a grant."""
    return secrets.token_hex(_GRANT_ID_BYTES)


def insert_credential(transaction: Transaction, id_: str, record: CredentialRecord) -> None:
    """Store a key or robot that is new. Raises ``RECORD_EXISTS``."""
    if find_credential(transaction, id_) is not None or is_taken(transaction, id_):
        raise Problem(errors.RECORD_EXISTS, f"A credential or user {id_} exists already.")
    put_credential(transaction, id_, record)


def require_credential(transaction: Transaction, id_: str) -> None:
    """Refuse a key or robot that is not there. Raises ``RECORD_NOT_FOUND``."""
    if not is_credential_id(id_) or find_credential(transaction, id_) is None:
        raise Problem(errors.RECORD_NOT_FOUND, "There is no such key or robot.")


def put_grant_once(transaction: Transaction, new_id: str, record: GrantRecord) -> Grant:
    """Store ``record`` under ``new_id`` unless a grant that says the same is there; the one that is there then."""
    for grant_id, there in grants_of(transaction, record.grantee):
        if (there.role, there.pattern, there.networks) == (record.role, record.pattern, record.networks):
            return _grant(grant_id, there)
    put_grant(transaction, new_id, record)
    raise_generation(transaction)
    return _grant(new_id, record)


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Networks in their canonical form. Raises ``ARGUMENT_INVALID``."""
    if len(texts) > NETWORKS_MAX:
        raise Problem(errors.ARGUMENT_INVALID, f"At most {NETWORKS_MAX} networks are taken.", argument="networks")
    try:
        return tuple(dict.fromkeys(str(ipaddress.ip_network(text)) for text in texts))
    except ValueError as problem:
        detail = f"A network is an address with a prefix length, such as 10.0.0.0/8: {problem}."
        raise Problem(errors.ARGUMENT_INVALID, detail[:300], argument="networks") from problem


def _grant(id_: str, record: GrantRecord) -> Grant:
    return Grant(
        id=id_,
        grantee=record.grantee,
        role=Role(record.role),
        pattern=record.pattern,
        created=record.created_ms / 1000,
        networks=record.networks,
    )
