"""There is always somebody who can put things right: changes that would leave nobody are refused.

Who counts is a key or robot: what an issuer says of people can change, or not be had, when it is needed most.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from zotplus.domain import errors
from zotplus.domain.actions import ADMIN_ATTACH_POLICY, ADMIN_CREATE_GRANT, ADMIN_PUT_POLICY
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need
from zotplus.ports.keyvalue import Transaction
from zotplus.records import layout
from zotplus.records.access import GRANT, CredentialRecord, find_credential, raise_generation
from zotplus.records.policies import policies
from zotplus.services.identity.credentials import credential_attributes, owner_names, scope_policies
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role
from zotplus.services.lookups import milliseconds

T = TypeVar("T")


class _Holder:
    """The condition keys of a key or robot."""

    def __init__(self, known: Mapping[str, tuple[str, ...]]) -> None:
        self._known = known

    def values(self, key: str) -> tuple[str, ...] | None:
        """As ``domain.iam.Attributes``."""
        return self._known.get(key)


class _Left(IntEnum):
    """Who is left that can put everything right; a change must not leave less than there was."""

    NOBODY = 0
    FOR_A_WHILE = 1
    FOR_EVER = 2


def guarded(transaction: Transaction, now: float, change: Callable[[], T]) -> T:
    """Do ``change`` to who may what, and make every cache of it stale.

    Raises ``LAST_ADMINISTRATOR`` where there was an administrator before and is none after it. One that expires does
    not stand in for one that stays: the registry would be locked by the mere passing of time.
    """
    before = _left(transaction, now)
    result = change()
    if _left(transaction, now) < before:
        raise Problem(errors.LAST_ADMINISTRATOR)
    raise_generation(transaction)
    return result


def has_administrator(transaction: Transaction, now: float) -> bool:
    """Whether a key or robot that has not expired can put everything right again.

    It holds the role for everything, and nothing denies it to give grants and to change any policy. What only some
    requests are denied, such as those from outside of a network, counts as allowed: it is, from elsewhere.
    """
    return _left(transaction, now) is not _Left.NOBODY


def _left(transaction: Transaction, now: float) -> _Left:
    # A new one: what is cached of a change that fails would be believed by the next.
    rights = Rights(only_certain=True)
    needs = _needs(transaction)
    found = _Left.NOBODY
    for _, value in transaction.scan(*layout.table_span(layout.GRANTS)):
        record = GRANT.decode(value)
        if (record.role, record.pattern, record.networks) != (Role.ADMINISTRATOR.value, "*", ()):
            continue
        holder = find_credential(transaction, record.grantee)
        if holder is None or not _opens(holder, milliseconds(now)):
            continue
        may = rights.of(transaction, record.grantee, owner_names(holder), session=scope_policies(holder))
        known = _Holder(credential_attributes(record.grantee, holder))
        if all(isinstance(may.decide(need, known), Allowed) for need in needs):
            if holder.expires_ms is None:
                return _Left.FOR_EVER
            found = _Left.FOR_A_WHILE
    return found


def _opens(holder: CredentialRecord, now_ms: int) -> bool:
    return not holder.inactive and (holder.expires_ms is None or holder.expires_ms > now_ms)


def _needs(transaction: Transaction) -> list[Need]:
    """What an administrator needs: to give back what was taken, and to change whatever policy denies."""
    names = [f"admin:policies/{name}" for name, _ in policies(transaction)]
    rewriting = [Need(action.name, name) for name in names for action in (ADMIN_PUT_POLICY, ADMIN_ATTACH_POLICY)]
    return [Need(ADMIN_CREATE_GRANT.name, "admin:grants"), *rewriting]
