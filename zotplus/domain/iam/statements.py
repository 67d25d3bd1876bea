"""One statement, prepared for asking: which actions it is about, what it covers, and what it decides.

Spec: AWS IAM User Guide, "IAM JSON policy elements": Action, NotAction, Resource, NotResource.
"""

from collections.abc import Iterable
from functools import lru_cache

from zotplus.domain.actions import ACTIONS
from zotplus.domain.iam.conditions.comparisons import prepare
from zotplus.domain.iam.conditions.keys import is_fact
from zotplus.domain.iam.language import VERSION as VERSION_WITH_VARIABLES
from zotplus.domain.iam.language import Allowed, Attributes, Decision, Denied, Effect, Layer, Need, Policy, Statement
from zotplus.domain.iam.patterns import (
    Lookup,
    Matcher,
    Part,
    Variable,
    Wildcard,
    beginning_of,
    expression,
    filled,
    fixed_matches,
    matches,
    parts_of,
)

_BY_LOWER_NAME = {name.lower(): name for name in ACTIONS}


@lru_cache(maxsize=4_096)
def named_actions(patterns: tuple[str, ...]) -> frozenset[str]:
    """The actions that ``patterns`` name, in any case of letters. Spec: "Action"."""
    lowered = [pattern.lower() for pattern in patterns]
    return frozenset(
        name for lower, name in _BY_LOWER_NAME.items() if any(matches(pattern, lower) for pattern in lowered)
    )


def actions_of(statement: Statement) -> frozenset[str]:
    """The actions that a statement is about: with ``NotAction`` all others. One with neither denies everything."""
    if statement.action:
        return named_actions(statement.action)
    if statement.not_action or statement.effect is Effect.DENY:
        return _other_actions(statement.not_action)
    return frozenset()


@lru_cache(maxsize=1_024)
def _other_actions(patterns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(ACTIONS) - named_actions(patterns)


def read_by(need: Need, attributes: Attributes) -> Lookup:
    """The condition keys of one request: those of the need win."""
    keys = need.keys

    def lookup(key: str) -> tuple[str, ...] | None:
        value = keys.get(key)
        if value is None:
            return attributes.values(key)
        return (value,) if isinstance(value, str) else value

    return lookup


class _Patterns:
    """Patterns of resources by how they are matched: whole names, beginnings, globs, and those with variables."""

    __slots__ = ("exact", "globs", "prefixes", "templates")

    def __init__(self, patterns: Iterable[tuple[Part, ...]]) -> None:
        exact, prefixes = [], []
        self.globs: list[Matcher] = []
        self.templates: list[tuple[Part, ...]] = []
        for parts in patterns:
            fixed = tuple([part for part in parts if not isinstance(part, Variable)])
            texts = [part for part in fixed if not isinstance(part, Wildcard)]
            if len(fixed) < len(parts):
                self.templates.append(parts)
            elif len(texts) == len(fixed):
                exact.append("".join(texts))
            elif len(texts) == len(fixed) - 1 and fixed[-1] is Wildcard.RUN:
                prefixes.append("".join(texts))
            else:
                self.globs.append(expression(fixed))
        self.exact = frozenset(exact)
        self.prefixes = tuple(prefixes)


class Rule:
    """What a statement covers, in the form that is quickest to ask."""

    __slots__ = (
        "_denies",
        "_exact",
        "_globs",
        "_inverse",
        "_prefixes",
        "_templates",
        "_tests",
        "decision",
        "is_certain",
    )

    def __init__(self, statement: Statement, decision: Decision, *, variables: bool) -> None:
        self.decision = decision
        self._denies = statement.effect is Effect.DENY
        try:
            taken = [parts_of(text, variables=variables) for text in statement.resource or statement.not_resource]
        except ValueError:
            taken = []
        self._inverse = bool(statement.not_resource and taken)
        if not taken and self._denies:  # without resources that can be read it denies everything, or allows nothing
            taken = [(Wildcard.RUN,)]
        patterns = _Patterns(taken)
        self._exact, self._prefixes = patterns.exact, patterns.prefixes
        self._globs, self._templates = patterns.globs, patterns.templates
        self._tests = prepare(statement.condition, denies=self._denies, variables=variables)
        self.is_certain = not self._tests and not self._templates
        """Whether the resource's name alone says if the rule applies."""

    def may_cover(self, resource: str) -> bool:
        """Whether the rule can apply to ``resource`` at all, whoever asks."""
        return bool(self._templates) or self._names(resource) is not self._inverse

    def applies(self, need: Need, attributes: Attributes) -> bool:
        """Whether the rule is about the resource, and its conditions hold."""
        if self.is_certain:
            return self._names(need.resource) is not self._inverse
        lookup = read_by(need, attributes)
        return self._covers(need.resource, lookup) and all(test(lookup) for test in self._tests)

    def _names(self, resource: str) -> bool:
        if resource in self._exact or resource.startswith(self._prefixes):
            return True
        return bool(self._globs) and any(glob(resource) for glob in self._globs)

    def _covers(self, resource: str, lookup: Lookup) -> bool:
        """Spec: "Policy variables with no value": such a pattern matches nothing. ``NotResource`` then never allows."""
        is_named = self._names(resource)
        for template in self._templates:
            fixed = filled(template, lookup)
            if fixed is None:
                if self._inverse and not self._denies:
                    return False
            elif fixed_matches(fixed, resource):
                is_named = True
        return is_named is not self._inverse


class Prepared:
    """A statement with its place. Its rule is made when it is first needed, and kept."""

    __slots__ = ("_beginnings", "_layer", "_place", "_policy", "_rule", "statement", "wants_facts")

    def __init__(self, policy: Policy, place: int, layer: Layer) -> None:
        self.statement = policy.statement[place]
        self._policy = policy
        self._place = place
        self._layer = layer
        self._rule: Rule | None = None
        self._beginnings: tuple[str, ...] | None = None
        self.wants_facts = mentions_facts(self.statement)
        """Whether it asks for what is known only of an object that was looked at."""

    @property
    def scope(self) -> str:
        """The bucket that the statement is about alone (``s3:bucket``); empty where it is not bound to one.

        Whoever asks its rule has to see to that: the rule itself knows nothing of it.
        """
        return self._policy.scope

    @property
    def denies(self) -> bool:
        """Whether the statement denies."""
        return self.statement.effect is Effect.DENY

    @property
    def weight(self) -> int:
        """How many patterns asking it can take."""
        return len(self.statement.resource) + len(self.statement.not_resource)

    @property
    def rule(self) -> Rule:
        """What the statement covers and decides."""
        if self._rule is None:
            variables = self._policy.version == VERSION_WITH_VARIABLES
            self._rule = Rule(self.statement, self._decision(), variables=variables)
        return self._rule

    def names(self, action: str) -> bool:
        """Whether the statement is about ``action``."""
        return action in actions_of(self.statement)

    def may_cover(self, resource: str) -> bool:
        """Whether the statement can apply to ``resource`` at all; most are told apart before their rule is made."""
        if self._beginnings is None:
            patterns = self.statement.resource
            is_open = self.denies or not patterns  # one that cannot be read denies everything
            self._beginnings = ("",) if is_open else tuple([beginning_of(pattern) for pattern in patterns])
        return resource.startswith(self._beginnings) and self.rule.may_cover(resource)

    def _decision(self) -> Decision:
        name = self.statement.sid or f"#{self._place + 1}"
        if not self.denies:
            return Allowed(self._policy.id, name, self._layer)
        reason = f"statement {name} of the {self._layer} policy {self._policy.id or 'without id'} denies it"
        return Denied(reason, explicit=True, policy=self._policy.id, statement=name, layer=self._layer)


def mentions_facts(statement: Statement) -> bool:
    """Whether a statement has a condition on, or a variable for, a key that only a look at the object can tell."""
    for keys in statement.condition.values():
        for key, accepted in keys.items():
            texts = [accepted] if isinstance(accepted, str) else accepted
            if is_fact(key) or any(_has_fact(text) for text in texts):
                return True
    return any(_has_fact(text) for text in (*statement.resource, *statement.not_resource))


def _has_fact(text: str) -> bool:
    return "${" in text and any(is_fact(part) for part in text.split("${")[1:])


def prepared(policy: Policy, layer: Layer) -> list[Prepared]:
    """All statements of ``policy``."""
    return [Prepared(policy, place, layer) for place in range(len(policy.statement))]
