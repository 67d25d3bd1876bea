"""What somebody may: the grants and policies of an identity, its groups and roles, and of everybody, as one set."""

from collections.abc import Iterable, Sequence

import msgspec

from zotplus.domain.iam import Policy, PolicySet
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.access import GrantRecord, grants_of
from zotplus.services.identity.grantees import AUTHENTICATED, GRANTEE_MAX_BYTES, PUBLIC
from zotplus.services.identity.roles import Role, everyone_policy, role_policy

ANONYMOUS = "anonymous"
"""The principal id of a request without credentials."""

NETWORK_CONDITION = "IpAddress"
NETWORK_KEY = "aws:SourceIp"


class Rights:
    """Loads rights from a snapshot. ``public_access`` off: nothing is open to whoever did not log in."""

    def __init__(self, *, public_access: bool = True) -> None:
        self._public_access = public_access

    def of(
        self, snapshot: Snapshot, id_: str, names: Iterable[str] = (), *, session: Sequence[Policy] | None = None
    ) -> PolicySet:
        """Everything that applies to the identity ``id_``, which also answers to ``names``; ``session`` narrows it.

        Raises ``STORAGE_FAILED`` for damaged records.
        """
        if id_ == ANONYMOUS:
            return PolicySet(*_granted(snapshot, PUBLIC)) if self._public_access else PolicySet()
        known = [name for name in (id_, *names, PUBLIC, AUTHENTICATED) if len(name.encode()) <= GRANTEE_MAX_BYTES]
        granted = [policy for name in known for policy in _granted(snapshot, name)]
        return PolicySet(everyone_policy(), *granted, session=session)


def _granted(snapshot: Snapshot, grantee: str) -> list[Policy]:
    return [granted_policy(record) for _, record in grants_of(snapshot, grantee)]


def granted_policy(record: GrantRecord) -> Policy:
    """A grant as a policy."""
    policy = role_policy(Role(record.role), record.pattern)
    if not record.networks:
        return policy
    within = {NETWORK_CONDITION: {NETWORK_KEY: list(record.networks)}}
    limited = tuple(
        msgspec.structs.replace(statement, condition=statement.condition | within) for statement in policy.statement
    )
    return msgspec.structs.replace(policy, statement=limited)
