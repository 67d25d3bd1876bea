"""The policy language and its one evaluator: AWS-IAM-style statements, explicit deny wins, no match denies.

Spec: AWS IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". Differences: resources are
named ``s3:bucket/key``, ``oci:repository`` and ``admin:name``; ``*`` matches any run of characters, ``/`` included, so
that ``oci:team/*`` and ``oci:team/**`` mean the same; ``?`` matches one character.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Protocol, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import ACTIONS
from zotplus.domain.errors import Problem

ConditionBlock: TypeAlias = dict[str, dict[str, str | list[str]]]


class Effect(StrEnum):
    """What a matching statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


class Statement(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One statement of a policy. ``condition`` is operator -> key -> accepted values; all must hold."""

    effect: Effect
    action: tuple[str, ...]
    resource: tuple[str, ...]
    condition: ConditionBlock = {}
    sid: str = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A named list of statements."""

    statement: tuple[Statement, ...]
    id: str = ""


class Need(msgspec.Struct, frozen=True):
    """What an operation asks leave for: an action's name on a resource, with the request's condition keys."""

    action: str
    resource: str
    keys: dict[str, str] = {}


class Attributes(Protocol):
    """Condition keys that are known of the caller and the request, beside those of the need itself."""

    def values(self, key: str, /) -> tuple[str, ...] | None:
        """All values of ``key``, which is in lower case; None where it is absent."""
        ...


class NoAttributes:
    """Nothing is known."""

    def values(self, _key: str, /) -> tuple[str, ...] | None:
        """None."""
        return None


NO_ATTRIBUTES = NoAttributes()


class Allowed(msgspec.Struct, frozen=True):
    """Granted, by the policy of this id; ``statement`` is its ``Sid``, or its place from 1 (``#2``)."""

    policy: str
    statement: str = ""


class Denied(msgspec.Struct, frozen=True):
    """Refused, for this reason; ``explicit`` when a Deny statement matched: that of ``policy`` and ``statement``."""

    reason: str
    explicit: bool = False
    policy: str = ""
    statement: str = ""


Decision: TypeAlias = Allowed | Denied

_OPERATORS = frozenset({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"})


def validate(policy: Policy) -> None:
    """Refuse a policy that could not mean what its author thinks. Raises ``ARGUMENT_INVALID``."""
    for statement in policy.statement:
        for pattern in statement.action:
            if not any(_matches(pattern, name) for name in ACTIONS):
                raise Problem(errors.ARGUMENT_INVALID, f"No action matches {pattern!r}.", argument="Action")
        for operator in statement.condition:
            if operator not in _OPERATORS:
                raise Problem(
                    errors.ARGUMENT_INVALID, f"Unknown condition operator {operator!r}.", argument="Condition"
                )


class PolicySet:
    """Policies that apply together, prepared for asking: an explicit deny wins, and without an allow the answer is no.

    ``policies`` are those of an identity and of all that it belongs to, ``resource`` those of resources that name it.
    ``boundaries`` and ``session`` only narrow: where one is given, it must allow as well.

    For every action that was asked about the statements that name it are kept, denials first.
    """

    __slots__ = ("_by_action", "_limits", "_policies")

    def __init__(
        self,
        *policies: Policy,
        resource: Sequence[Policy] = (),
        boundaries: Sequence[Policy] | None = None,
        session: Sequence[Policy] | None = None,
    ) -> None:
        self._policies = (*policies, *resource)
        self._limits = tuple(PolicySet(*limit) for limit in (boundaries, session) if limit is not None)
        self._by_action: dict[str, tuple[tuple[Statement, Decision], ...]] = {}

    def decide(self, need: Need, attributes: Attributes = NO_ATTRIBUTES) -> Decision:
        """Whether ``need`` is allowed to a caller with these ``attributes``."""
        for limit in self._limits:
            decision = limit.decide(need, attributes)
            if isinstance(decision, Denied):
                return decision
        rules = self._by_action.get(need.action)
        if rules is None:
            if need.action not in ACTIONS:
                return Denied(f"{need.action} is not an action")
            rules = self._by_action[need.action] = self._rules(need.action)
        for statement, decision in rules:
            if _covers(statement, need):
                return decision
        return Denied(f"no policy allows {need.action} on {need.resource}")

    def _rules(self, action: str) -> tuple[tuple[Statement, Decision], ...]:
        """The statements about ``action``, denials first, each with what it decides."""
        denials: list[tuple[Statement, Decision]] = []
        allowances: list[tuple[Statement, Decision]] = []
        for policy in self._policies:
            for statement in policy.statement:
                if not any(_matches(pattern, action) for pattern in statement.action):
                    continue
                if statement.effect is Effect.DENY:
                    reason = f"policy {policy.id or 'without id'} denies {action}"
                    denials.append((statement, Denied(reason, explicit=True)))
                else:
                    allowances.append((statement, Allowed(policy.id)))
        return (*denials, *allowances)


def _covers(statement: Statement, need: Need) -> bool:
    """Whether a statement about the action also is about the resource, and its conditions hold."""
    for pattern in statement.resource:
        if _matches(pattern, need.resource):
            return not statement.condition or _conditions_hold(statement, need.keys)
    return False


def _conditions_hold(statement: Statement, keys: Mapping[str, str]) -> bool:
    """All conditions hold. An operator that is not known makes an Allow not apply and a Deny apply (fail closed)."""
    for operator, tests in statement.condition.items():
        if operator not in _OPERATORS:
            if statement.effect is Effect.ALLOW:
                return False
            continue
        for key, accepted in tests.items():
            values = [accepted] if isinstance(accepted, str) else accepted
            if not _condition_holds(operator, keys.get(key), values):
                return False
    return True


def _condition_holds(operator: str, value: str | None, accepted: list[str]) -> bool:
    negated = "Not" in operator
    if value is None:
        return negated  # AWS: a negated operator holds when the key is absent
    is_glob = operator.endswith("Like")
    found = any(_matches(pattern, value) for pattern in accepted) if is_glob else value in accepted
    return found is not negated


def _matches(pattern: str, text: str) -> bool:
    if pattern in ("*", text):
        return True
    if "*" not in pattern and "?" not in pattern:
        return False
    if pattern.find("*") == len(pattern) - 1 and "?" not in pattern:
        return text.startswith(pattern[:-1])
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression whose matching time is bounded by pattern times text.

    Between stars the leftmost match is always good enough, so atomic groups take it and never come back: without them
    ``*a*a*a*b`` on a long run of ``a`` would try every split.
    """
    first, *others = ("".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    stepping = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{stepping}.*{last}", re.DOTALL)
