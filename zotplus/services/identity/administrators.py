"""There is always somebody who can put things right: changes that would leave nobody are refused.

Who counts is a key or robot: what an issuer says of people can change, or not be had, when it is needed most.
"""

from collections.abc import Callable
from typing import TypeVar

from zotplus.domain import errors
from zotplus.domain.actions import ADMIN_CREATE_GRANT
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Need
from zotplus.ports.keyvalue import Transaction
from zotplus.records import layout
from zotplus.records.access import GRANT, find_credential, raise_generation
from zotplus.services.identity.rights import Rights
from zotplus.services.identity.roles import Role
from zotplus.services.lookups import milliseconds

T = TypeVar("T")

_NEEDED = (Need(ADMIN_CREATE_GRANT.name, "admin:grants"),)
"""With this, an administrator can give back everything else."""


def guarded(transaction: Transaction, now: float, change: Callable[[], T]) -> T:
    """Do ``change`` to who may what, and make every cache of it stale.

    Raises ``LAST_ADMINISTRATOR`` where there was an administrator before and is none after it.
    """
    had = has_administrator(transaction, now)
    result = change()
    if had and not has_administrator(transaction, now):
        raise Problem(errors.LAST_ADMINISTRATOR)
    raise_generation(transaction)
    return result


def has_administrator(transaction: Transaction, now: float) -> bool:
    """Whether a key or robot that has not expired holds the role for everything, and nothing denies it that."""
    rights = Rights()  # a new one: what is cached of a change that fails would be believed by the next
    for _, value in transaction.scan(*layout.table_span(layout.GRANTS)):
        record = GRANT.decode(value)
        if (record.role, record.pattern, record.networks) != (Role.ADMINISTRATOR.value, "*", ()):
            continue
        holder = find_credential(transaction, record.grantee)
        if holder is None or (holder.expires_ms is not None and holder.expires_ms <= milliseconds(now)):
            continue
        policies = rights.of(transaction, record.grantee)
        if all(isinstance(policies.decide(need), Allowed) for need in _NEEDED):
            return True
    return False
