"""The one evaluator: policies that apply together, asked whether a need is allowed.

Spec: AWS IAM User Guide, "Policy evaluation logic", "Determining whether a request is allowed or denied within an
account". An explicit deny of any policy wins; else a session's policies must allow, and either the boundary and an
identity's policies do, or a resource's policy.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from zotplus.domain.actions import ACTIONS, ADMIN_PUT_POLICY, BUCKET_POLICY_ACTIONS
from zotplus.domain.iam.language import NO_ATTRIBUTES, Allowed, Attributes, Decision, Denied, Layer, Need, Policy
from zotplus.domain.iam.statements import Prepared, Rule, prepared

MANY = 16
"""Patterns in statements about one action beyond which it pays to remember what concerns a resource."""

REMEMBERED_MAX = 1_024
"""Resources remembered per identity and at most so; one costs what its name and a few references do. Beyond it all are
forgotten, which costs time only."""

REMEMBERED_RULES_MAX = 65_536
"""References to statements that are remembered with them, all together."""


class ResourceStatements(Protocol):
    """The statements of resource policies that name one identity, as ``ResourcePolicies.for_names`` finds them."""

    @property
    def direct(self) -> Sequence[Prepared]:
        """Those that name the identity itself."""
        ...

    @property
    def other(self) -> Sequence[Prepared]:
        """Those that name a group or role of it, or everybody."""
        ...


class _Statements:
    """Statements that apply together: the first that covers a need decides, denials before allowances.

    For every action that was asked about the statements that name it are kept: their rules, where these are few. Those
    that are bound to a bucket are asked only about it, so that a thousand policies of buckets cost what one does.
    """

    __slots__ = ("_by_action", "_by_scope", "_many", "_remembered", "_remembered_rules", "_scoped", "_statements")

    def __init__(self, statements: Sequence[Prepared], scope: str | None = None) -> None:
        scoped: dict[str, list[Prepared]] = {}
        for statement in statements if scope is None else ():
            if statement.scope:
                scoped.setdefault(statement.scope, []).append(statement)
        self._statements = [row for row in statements if not row.scope] if scoped else statements
        self._scoped = scoped
        self._by_scope: dict[str, _Statements] = {}
        self._by_action: dict[str, tuple[Rule, ...]] = {}
        self._many: dict[str, tuple[Prepared, ...]] = {}
        self._remembered: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._remembered_rules = 0

    def decide(self, need: Need, attributes: Attributes) -> Decision | None:
        """What the first statement that applies decides; None where none does."""
        if self._scoped:
            return self._about(need.resource).decide(need, attributes)
        rules = self._by_action.get(need.action)
        if rules is None:
            rules = self._remembered.get((need.action, need.resource))
        if rules is None:
            rules = self._rules(need)
        for rule in rules:
            if rule.applies(need, attributes):
                return rule.decision
        return None

    def _about(self, resource: str) -> "_Statements":
        """Those that can concern ``resource``: those of its bucket, and those that are bound to none."""
        bucket, _, _ = resource.partition("/")
        scope = bucket if bucket in self._scoped else ""
        found = self._by_scope.get(scope)
        if found is None:
            if len(self._by_scope) >= REMEMBERED_MAX:
                self._by_scope = {}
            found = self._by_scope[scope] = _Statements([*self._statements, *self._scoped.get(scope, ())], scope)
        return found

    def _rules(self, need: Need) -> tuple[Rule, ...]:
        """The rules about the action, denials first; of many statements only what can concern the resource."""
        if need.action not in ACTIONS:
            return ()
        named = self._many.get(need.action)
        if named is not None:
            return self._narrowed(need, named)
        found = [statement for statement in self._statements if statement.names(need.action)]
        denials = [statement for statement in found if statement.denies]
        named = (*denials, *[statement for statement in found if not statement.denies])
        if sum([statement.weight for statement in named]) > MANY:
            self._many[need.action] = named
            return self._narrowed(need, named)
        rules = self._by_action[need.action] = tuple([statement.rule for statement in named])
        return rules

    def _narrowed(self, need: Need, statements: tuple[Prepared, ...]) -> tuple[Rule, ...]:
        """The rules that can concern the resource, up to the first that certainly decides; remembered."""
        found: list[Rule] = []
        for statement in statements:
            if statement.may_cover(need.resource):
                found.append(statement.rule)
                if statement.rule.is_certain:
                    break
        if len(self._remembered) >= REMEMBERED_MAX or self._remembered_rules + len(found) > REMEMBERED_RULES_MAX:
            self._remembered = {}
            self._remembered_rules = 0
        self._remembered_rules += len(found)
        narrowed = self._remembered[need.action, need.resource] = tuple(found)
        return narrowed


class _Asked(NamedTuple):
    """The statements that allow and deny, and those of resource policies that name the identity itself."""

    own: _Statements
    direct: _Statements


class PolicySet:
    """Policies that apply together, prepared for asking.

    ``policies`` are those of an identity and of all that it belongs to. ``resource`` are those of resources that name
    it: what ``ResourcePolicies.for_names`` found, or policies whose statements all mean it, but not by its own name.
    ``boundaries`` limit what ``policies`` and such resource policies allow, not what a resource policy allows to the
    identity by its own name. ``session`` limits everything. Of several boundaries each must allow, so that no other
    lifts the limits of one; several session policies allow what any of them does. An empty sequence allows nothing.

    ``facts`` are the buckets (``s3:bucket``) about which a statement asks for what only a look at an object tells, with
    an empty text where a statement that is not bound to a bucket does; empty for nearly everybody.

    Spec: AWS IAM User Guide, "Permissions boundaries for IAM entities", "Session policies".
    """

    __slots__ = ("_asked", "_boundaries", "_everything", "_limited", "_own", "_session", "_unscoped", "facts")

    def __init__(
        self,
        *policies: Policy,
        resource: Sequence[Policy] | ResourceStatements = (),
        boundaries: Sequence[Policy] | None = None,
        session: Sequence[Policy] | None = None,
    ) -> None:
        own = _all_prepared(policies, Layer.IDENTITY)
        if isinstance(resource, Sequence):
            direct: Sequence[Prepared] = ()
            own += _all_prepared(resource, Layer.RESOURCE)
        else:
            direct = resource.direct
            own += [*direct, *resource.other]
        limits = [_all_prepared((boundary,), Layer.BOUNDARY) for boundary in boundaries or ()]
        narrowed = _all_prepared(session or (), Layer.SESSION)
        self._own = _Statements(own)
        self._asked = _Asked(self._own, _Statements(direct))
        self._boundaries = None if boundaries is None else tuple(map(_Statements, limits))
        self._session = None if session is None else _Statements(narrowed)
        self._limited = boundaries is not None or session is not None
        self._everything = own, direct
        self._unscoped: _Asked | None = None
        asking = [row for rows in (own, narrowed, *limits) for row in rows if row.wants_facts]
        self.facts = frozenset([row.scope for row in asking])

    def decide(self, need: Need, attributes: Attributes = NO_ATTRIBUTES) -> Decision:
        """Whether ``need`` is allowed to a caller with these ``attributes``. An unknown action never is."""
        if need.action in BUCKET_POLICY_ACTIONS:
            return self._decide_of_bucket_policy(need, attributes)
        if self._limited:
            return self._decide_limited(need, attributes, self._asked)
        return self._own.decide(need, attributes) or _denied_for_want(need)

    def wants_facts(self, resource: str) -> bool:
        """Whether to decide about ``resource`` needs what only a look at it tells."""
        bucket, _, _ = resource.partition("/")
        return "" in self.facts or bucket in self.facts

    def _decide_of_bucket_policy(self, need: Need, attributes: Attributes) -> Decision:
        """A bucket's policy locks nobody out who may write every policy: else none could ever take it away again.

        Spec: Amazon S3 API Reference, PutBucketPolicy and DeleteBucketPolicy (the root principal always may).
        """
        decision = self._decide(need, attributes, self._asked)
        if isinstance(decision, Allowed) or decision.layer is not Layer.RESOURCE:
            return decision
        if not isinstance(self._decide(_every_policy(need), attributes, self._asked), Allowed):
            return decision
        if self._unscoped is None:
            own, direct = [_Statements([row for row in rows if not row.scope]) for rows in self._everything]
            self._unscoped = _Asked(own, direct)
        return self._decide(need, attributes, self._unscoped)

    def _decide(self, need: Need, attributes: Attributes, asked: _Asked) -> Decision:
        if self._limited:
            return self._decide_limited(need, attributes, asked)
        return asked.own.decide(need, attributes) or _denied_for_want(need)

    def _decide_limited(self, need: Need, attributes: Attributes, asked: _Asked) -> Decision:
        own = asked.own.decide(need, attributes)
        session = None if self._session is None else self._session.decide(need, attributes)
        limits = [boundary.decide(need, attributes) for boundary in self._boundaries or ()]
        for decision in (own, *limits, session):
            if isinstance(decision, Denied):
                return decision
        if own is None:
            return _denied_for_want(need)
        if self._session is not None and session is None:
            return _outside(need, Layer.SESSION)
        if self._boundaries is not None and (None in limits or not limits):
            return asked.direct.decide(need, attributes) or _outside(need, Layer.BOUNDARY)
        return own


def _all_prepared(policies: Iterable[Policy], layer: Layer) -> list[Prepared]:
    return [statement for policy in policies for statement in prepared(policy, layer)]


def _every_policy(need: Need) -> Need:
    """To write the policy of the bucket that ``need`` is about as an administrator of all policies may."""
    return Need(ADMIN_PUT_POLICY.name, f"admin:policies/bucket:{need.resource.partition(':')[2]}")


def _denied_for_want(need: Need) -> Denied:
    if need.action not in ACTIONS:
        return Denied(f"{need.action} is not an action")
    return Denied(f"no policy allows {need.action} on {need.resource}")


def _outside(need: Need, layer: Layer) -> Denied:
    return Denied(f"no {layer} policy allows {need.action} on {need.resource}", layer=layer)
