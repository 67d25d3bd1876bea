"""What somebody may: the grants and policies of an identity, its groups and roles, and of everybody, as one set."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from zotplus.domain.errors import Problem
from zotplus.domain.iam import (
    Effect,
    Layer,
    NamedStatements,
    Policy,
    PolicyKind,
    PolicySet,
    ResourcePolicies,
    Statement,
    parse_policy,
    unreadable,
)
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.domain.iam.statements import Prepared, prepared
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.access import GrantRecord, find_user, generation, grants_of
from zotplus.records.policies import Attachment, attached_to, policy_id, resource_policies
from zotplus.services.identity.grantees import AUTHENTICATED, GRANTEE_MAX_BYTES, PUBLIC
from zotplus.services.identity.roles import Role, everyone_policy, role_policy
from zotplus.services.sharing.loading import SharedBuckets

ANONYMOUS = "anonymous"
"""The principal id of a request without credentials."""

_NOBODY_ADMINISTERS = Policy(
    id="whoever did not log in administers nothing",
    statement=(Statement(effect=Effect.DENY, action=("admin:*",), resource=("*",), sid="NobodyAdministers"),),
)
"""Whatever a policy for everybody says: one that is too wide must not hand over the registry."""

NETWORK_CONDITION = "IpAddress"
NETWORK_KEY = "aws:SourceIp"

# Condition keys that are the same for an identity whatever it asks (docs/reference/policies.md, the caller).
_OF_CALLER = frozenset(
    {
        "aws:username",
        "aws:userid",
        "aws:principaltype",
        "zotplus:issuer",
        "zotplus:subject",
        "zotplus:groups",
        "zotplus:roles",
        "zotplus:credential",
    }
)
_FAMILIES_OF_CALLER = ("aws:principaltag/", "zotplus:claim/")

PARSED_MAX = 4_096
"""Documents of policies that are kept parsed, some KiB each."""


class Rights:
    """Loads rights from a snapshot. ``public_access`` off: nothing is open to whoever did not log in.

    ``only_certain`` leaves out what depends on the single request (its address, transport, time), be it allowed or
    denied: what remains holds from everywhere, or could be had from somewhere. It leaves out policies of buckets, which
    say nothing of administration.
    """

    def __init__(self, *, public_access: bool = True, only_certain: bool = False) -> None:
        self._public_access = public_access
        self._as_asked = _certain if only_certain else _whole
        self._generation = -1
        self._stored: tuple[tuple[str, int, bytes], ...] = ()
        self._named: list[Prepared] = []
        self._shared = None if only_certain else SharedBuckets()
        self._resources = ResourcePolicies(())

    def of(
        self, snapshot: Snapshot, id_: str, names: Iterable[str] = (), *, session: Sequence[Policy] | None = None
    ) -> PolicySet:
        """Everything that applies to the identity ``id_``, which also answers to ``names``; ``session`` narrows it.

        A policy that cannot be read denies everything to whom it concerns. Raises ``STORAGE_FAILED`` for damaged
        records.
        """
        if id_ != ANONYMOUS:
            return self._of(snapshot, id_, (id_, *names, PUBLIC, AUTHENTICATED), session, everyone_policy())
        if not self._public_access:
            return PolicySet()
        return self._of(snapshot, id_, (PUBLIC,), session, _NOBODY_ADMINISTERS)

    def _of(
        self, snapshot: Snapshot, id_: str, everything: Sequence[str], session: Sequence[Policy] | None, own: Policy
    ) -> PolicySet:
        kept = self._as_asked
        known = [name for name in everything if len(name.encode()) <= GRANTEE_MAX_BYTES]
        granted = [policy for name in known for policy in _granted(snapshot, name)]
        attached = [attachment for name in known for attachment in attached_to(snapshot, name)]
        granted += [policy for name in known for policy in inline_policies(snapshot, name)]
        boundaries = [kept(_attached(one)) for one in attached if one.is_boundary]
        return PolicySet(
            own,
            *map(kept, granted),
            *(kept(_attached(one)) for one in attached if not one.is_boundary),
            resource=self._resource(snapshot, everything, id_),
            boundaries=boundaries or None,
            session=session,
        )

    def _resource(self, snapshot: Snapshot, names: Sequence[str], own: str) -> NamedStatements:
        """The statements of resource policies and of buckets that mean these names."""
        current = generation(snapshot)
        if current != self._generation:
            stored = resource_policies(snapshot)
            if stored != self._stored:
                parsed = [
                    _parsed(policy_id(name, version), text, PolicyKind.RESOURCE) for name, version, text in stored
                ]
                self._named = [row for policy in parsed for row in prepared(self._as_asked(policy), Layer.RESOURCE)]
                self._stored = stored
            shared = [] if self._shared is None else self._shared.statements(snapshot)
            self._resources = ResourcePolicies.of([*self._named, *shared])
            self._generation = current
        return self._resources.for_names(names, own)


def _whole(policy: Policy) -> Policy:
    return policy


def _certain(policy: Policy) -> Policy:
    """``policy`` without the statements whose conditions look at more than who asks."""
    statements = tuple([one for one in policy.statement if all(map(_is_of_caller, _condition_keys(one)))])
    return policy if len(statements) == len(policy.statement) else msgspec.structs.replace(policy, statement=statements)


def _condition_keys(statement: Statement) -> set[str]:
    return {key.lower() for tests in statement.condition.values() for key in tests}


def _is_of_caller(key: str) -> bool:
    return key in _OF_CALLER or key.startswith(_FAMILIES_OF_CALLER)


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


def _granted(snapshot: Snapshot, grantee: str) -> list[Policy]:
    return [granted_policy(record) for _, record in grants_of(snapshot, grantee)]


def inline_policies(snapshot: Snapshot, grantee: str) -> list[Policy]:
    """The policies of a user's own; nobody else has any."""
    if not grantee.startswith(USER_PREFIX):
        return []
    record = find_user(snapshot, grantee.removeprefix(USER_PREFIX))
    inline = {} if record is None else record.inline
    return [_parsed(f"{grantee}/{name}", text, PolicyKind.IDENTITY) for name, text in inline.items()]


def _attached(attachment: Attachment) -> Policy:
    return _parsed(policy_id(attachment.policy_name, attachment.version), attachment.text, PolicyKind.IDENTITY)


@lru_cache(maxsize=PARSED_MAX)
def _parsed(id_: str, text: bytes, kind: PolicyKind) -> Policy:
    """A stored policy under the name that decisions give it."""
    try:
        return msgspec.structs.replace(parse_policy(text, kind), id=id_)
    except Problem:
        return unreadable(id_)
