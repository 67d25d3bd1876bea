"""What somebody may and why: the evaluator's own answer, with the statement that gave it."""

import difflib
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import ACTIONS
from zotplus.domain.errors import Problem
from zotplus.domain.iam import (
    NO_ATTRIBUTES,
    Allowed,
    Attributes,
    Decision,
    Need,
    Policy,
    PolicyKind,
    ResourcePolicies,
    parse_policy,
    policy_text,
    unreadable,
)
from zotplus.domain.iam.arns import ACCOUNT, arn_of_principal
from zotplus.domain.iam.refusals import shown
from zotplus.domain.iam.validation import FAMILIES, resource_of_s3, wrong_with_resource
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Snapshot
from zotplus.records.access import GrantRecord, grants_of
from zotplus.records.policies import attached_to, find_version, policy_id, resource_policies, split_policy_id
from zotplus.records.sharing.documents import shared_buckets
from zotplus.services.identity.access import Access
from zotplus.services.identity.grantees import AUTHENTICATED, PUBLIC, is_credential, is_grantee
from zotplus.services.identity.people import People, Somebody
from zotplus.services.identity.rights import ANONYMOUS, granted_policy, inline_policies
from zotplus.services.identity.roles import everyone_policy
from zotplus.services.lookups import Clock
from zotplus.services.policies.documents import statement_in
from zotplus.services.policies.values import Explanation, PersonNamed, Right
from zotplus.services.sharing.loading import policies_of, policy_named

_KINDS = {
    "user": PrincipalKind.USER,
    "trust": PrincipalKind.TRUST,
    "certificate": PrincipalKind.CERTIFICATE,
}

REGISTRY = "registry"
"""The one resource of no family: the registry as a whole, whose catalogue is listed."""

NO_PUBLIC_ACCESS = "public access is switched off (identity.public_access)"


def identifying(own: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Who asks in Amazon's words, from the identity's own condition keys; nothing for whoever did not log in."""
    ids = own.get("aws:userid")
    return {} if ids is None else {"aws:principalarn": (arn_of_principal(ids[0]),), "aws:principalaccount": (ACCOUNT,)}


class Supposed:
    """Condition keys of a question: those that were given, then the identity's own, then ``others``, then the time."""

    def __init__(
        self, given: Mapping[str, tuple[str, ...]], own: Mapping[str, tuple[str, ...]], others: Attributes, now: float
    ) -> None:
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        times = {"aws:currenttime": (moment,), "aws:epochtime": (str(int(now)),)}
        self._known = {**times, **identifying(own), **own, **{key.lower(): values for key, values in given.items()}}
        self._others = others

    def values(self, key: str) -> tuple[str, ...] | None:
        """As ``domain.iam.Attributes``."""
        known = self._known.get(key)
        return known if known is not None else self._others.values(key)


class Explaining:
    """Answers what principals may, as the evaluator would at a door.

    ``public_access`` is as for ``Rights``: whether anything can be open to whoever did not log in.
    """

    def __init__(
        self,
        store: KeyValue,
        access: Access,
        people: People,
        *,
        public_access: bool = True,
        clock: Clock = time.time,
    ) -> None:
        self.public_access = public_access
        self._store = store
        self._access = access
        self._people = people
        self._clock = clock

    async def principal(self, who: str) -> Principal:
        """The identity ``who`` as it is now, without groups or roles: those come with its tokens.

        ``public`` and ``anonymous`` are whoever did not log in. Raises ``RECORD_NOT_FOUND``.
        """
        if who in (PUBLIC, ANONYMOUS):
            return await self._access.anonymous()
        if is_credential(who):
            return await self._credential(who)
        kind = _KINDS.get(who.partition(":")[0])
        if kind is None or not is_grantee(who):
            detail = (
                "Somebody is a key's id, robot:NAME, user:ISSUER:SUBJECT, trust:NAME, certificate:NAME or anonymous."
            )
            raise Problem(errors.RECORD_NOT_FOUND, detail)
        if kind is PrincipalKind.USER:
            _, issuer, subject = who.split(":", 2)
            return await self.person(PersonNamed(issuer=issuer, subject=subject))
        attributes: dict[str, tuple[str, ...]] = {
            "aws:userid": (who,),
            "aws:principaltype": (kind.value,),
            "aws:username": (who.partition(":")[2],),
        }
        return await self._people.principal(Somebody(id=who, kind=kind, attributes=attributes), "")

    async def person(self, named: PersonNamed) -> Principal:
        """Somebody whom an issuer knows, with the rights that a token with these groups and roles would give."""
        issuer = named.issuer
        id_ = f"user:{issuer}:{named.subject}"
        groups = [f"group:{issuer}:{group}" for group in named.groups]
        roles = [f"role:{issuer}:{role}" for role in named.roles]
        attributes = {
            "aws:userid": (id_,),
            "aws:principaltype": (PrincipalKind.USER.value,),
            "zotplus:credential": ("jwt",),
            "zotplus:issuer": (issuer,),
            "zotplus:subject": (named.subject,),
            "zotplus:groups": named.groups,
            "zotplus:roles": named.roles,
        }
        somebody = Somebody(id=id_, kind=PrincipalKind.USER, names=(*groups, *roles), attributes=attributes)
        return await self._people.principal(somebody, "")

    async def can(
        self,
        principal: Principal,
        need: Need,
        given: Mapping[str, tuple[str, ...]],
        others: Attributes = NO_ATTRIBUTES,
    ) -> Explanation:
        """Whether ``principal`` is allowed ``need`` where the condition keys ``given`` and ``others`` hold.

        Raises ``ARGUMENT_INVALID`` for an action that is not in the table, and for what no resource is called.
        """
        _require_action(need.action)
        _require_resource(need)
        supposed = Supposed(given, principal.attributes, others, self._clock())
        decision = principal.decide(need, supposed)
        applying = await self.rights(principal)
        statement = await self.statement(principal, decision.policy, decision.statement)
        stored = split_policy_id(decision.policy)
        policy, version = stored or (decision.policy, 0)
        is_allowed = isinstance(decision, Allowed)
        return Explanation(
            allowed=is_allowed,
            reason=self._reason(principal, decision),
            layer=decision.layer.value,
            policy=policy,
            version=version,
            statement=statement,
            considered=len(applying),
        )

    def _reason(self, principal: Principal, decision: Decision) -> str:
        if isinstance(decision, Allowed):
            return f"{decision.policy} allows it"
        return NO_PUBLIC_ACCESS if principal.is_anonymous and not self.public_access else decision.reason

    async def rights(self, principal: Principal) -> tuple[Right, ...]:
        """Every grant and policy that applies to ``principal``, and by which of its names."""
        names = _names(principal)
        granted, resources = await self._store.read(lambda snapshot: (_granted(snapshot, names), _resources(snapshot)))
        for policy in resources:
            through = _meant_by(policy, principal.names, principal.id)
            if through:
                granted.append(Right(what="resource", name=policy.id, through=through))
        return tuple(granted)

    async def statement(self, principal: Principal, policy: str, label: str) -> bytes:
        """The statement that a decision about ``principal`` names, as JSON; ``null`` where it is not to be had."""
        stored = split_policy_id(policy)

        def find(snapshot: Snapshot) -> bytes | None:
            if stored is not None:
                record = find_version(snapshot, *stored)
                return None if record is None else statement_in(record.text, label)
            names = _names(principal)
            granted = [granted_policy(row) for row in _grants(snapshot, names)]
            own = (everyone_policy(), *granted, *[one for name in names for one in inline_policies(snapshot, name)])
            named = next((one for one in own if one.id == policy), None) or policy_named(snapshot, policy)
            return None if named is None else statement_in(policy_text(named).encode(), label)

        return await self._store.read(find) or b"null"

    async def _credential(self, who: str) -> Principal:
        try:
            return await self._access.by_id(who)
        except Problem as problem:
            if problem.fault is not errors.TOKEN_INVALID:
                raise
            raise Problem(errors.RECORD_NOT_FOUND, "There is no such key or robot, or it has expired.") from problem


def _names(principal: Principal) -> tuple[str, ...]:
    """All names by which grants and policies know ``principal``."""
    if principal.is_anonymous:
        return (PUBLIC,)
    return (principal.id, *principal.names, PUBLIC, AUTHENTICATED)


def _grants(snapshot: Snapshot, names: tuple[str, ...]) -> list[GrantRecord]:
    return [record for name in names if is_grantee(name) for _, record in grants_of(snapshot, name)]


def _granted(snapshot: Snapshot, names: tuple[str, ...]) -> list[Right]:
    """The grants and attached policies of ``names``."""
    found = [Right(what="grant", name=granted_policy(row).id, through=row.grantee) for row in _grants(snapshot, names)]
    for name in filter(is_grantee, names):
        for row in attached_to(snapshot, name):
            what = "boundary" if row.is_boundary else "policy"
            found.append(Right(what=what, name=policy_id(row.policy_name, row.version), through=name))
        found += [Right(what="policy", name=one.id, through=name) for one in inline_policies(snapshot, name)]
    return found


def _resources(snapshot: Snapshot) -> list[Policy]:
    """All policies of resources and buckets under the names that decisions give them; one that is lost denies all."""
    found: list[Policy] = []
    for name, version, text in resource_policies(snapshot):
        try:
            found.append(msgspec.structs.replace(parse_policy(text, PolicyKind.RESOURCE), id=policy_id(name, version)))
        except Problem:
            found.append(unreadable(policy_id(name, version)))
    return found + [policy for name, _ in shared_buckets(snapshot) for policy in policies_of(snapshot, name)]


def _meant_by(policy: Policy, names: tuple[str, ...], own: str) -> str:
    """How a resource policy means somebody: ``principal`` by their own name, else ``group``; empty if it does not.

    One that cannot be read denies everybody.
    """
    if policy.statement == unreadable("").statement:
        return "principal"
    meant = ResourcePolicies([policy]).for_names(names, own)
    if meant.direct:
        return "principal"
    return "group" if meant.other else ""


def _require_action(action: str) -> None:
    if action in ACTIONS:
        return
    near = difflib.get_close_matches(action[:100], ACTIONS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise Problem(errors.ARGUMENT_INVALID, f"There is no action {action[:100]!r}.{hint}", argument="action")


def _require_resource(need: Need) -> None:
    resource = need.resource
    if resource == REGISTRY or resource.removesuffix(":") in FAMILIES:
        return  # what lists of repositories and buckets ask for
    meant = resource_of_s3(resource)
    wrong = wrong_with_resource(resource)
    if not wrong and meant != resource:
        wrong = f"{shown(resource)} is an address"
    if not wrong:
        return
    if ":" not in resource:
        meant = f"{ACTIONS[need.action].family}:{resource}"
    hint = f" Did you mean {shown(meant)}?" if meant != resource else ""
    raise Problem(errors.ARGUMENT_INVALID, f"No resource is called so: {wrong}.{hint}", argument="resource")
