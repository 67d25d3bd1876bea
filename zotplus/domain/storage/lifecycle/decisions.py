"""What the rules mean for one version at one moment.

Spec: Amazon S3 User Guide, "Managing the lifecycle of objects", "Expiring objects", "Lifecycle configuration elements"
(rounding to midnight) and "How Amazon S3 handles conflicts in lifecycle configurations".
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from zotplus.domain.storage.lifecycle.rules import VARIES_BY_CLASS, Rule, RuleSet, When

DAY_SECONDS = 86_400.0
SMALL_BYTES = 131_072
"""What is smaller changes its class only by a rule that speaks of sizes (User Guide, "Transitioning objects")."""
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A version as far as rules look at it. Times are milliseconds since the epoch.

    ``superseded_ms`` is None for the newest version of its key, else since when it is not; ``newer`` counts the
    noncurrent versions that are newer than it, delete markers among them. ``is_alone`` says that its key has no other
    version.
    """

    key: str
    created_ms: int
    size: int = 0
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"
    superseded_ms: int | None = None
    newer: int = 0
    is_marker: bool = False
    is_alone: bool = True


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How to judge: whether the bucket keeps versions or once did, and the length of a day in seconds.

    ``classes`` are the storage classes that have a store of their own, warmest first.
    """

    keeps_versions: bool = False
    classes: Sequence[str] = ()
    day: float = DAY_SECONDS


class Step(StrEnum):
    """What becomes of a version: it is removed for good, hidden by a delete marker, or moved to another class."""

    REMOVE = "remove"
    MARK = "mark"
    MOVE = "move"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The step, the rule that asks for it, and the class to move to."""

    step: Step
    rule: str
    storage_class: str = ""


class Expiry(msgspec.Struct, frozen=True):
    """When the newest version of an object ends (milliseconds since the epoch), and by which rule."""

    at_ms: int
    rule: str


def due_ms(since_ms: int, days: int, day: float = DAY_SECONDS) -> int:
    """When ``days`` after ``since_ms`` are over: at the midnight UTC that follows, as all of a day is in its day."""
    length = max(1, round(day * 1000))
    return ((since_ms + days * length) // length + 1) * length


def decide(rules: RuleSet, facts: Facts, terms: Terms, now_ms: int) -> Decision | None:
    """What is due for the version now, or None.

    Permanent deletion comes before a transition, that before a delete marker; of several that are due, the one that has
    been for longest, and of transitions the coldest class (User Guide, "How Amazon S3 handles conflicts").
    """
    removal = _first_due(_removals(rules, facts, terms), now_ms)
    if removal is not None:
        return Decision(step=Step.REMOVE, rule=removal.rule)
    if facts.is_marker:
        return None
    move = _coldest_due(rules, facts, terms, now_ms)
    if move is not None:
        return move
    if not terms.keeps_versions or facts.superseded_ms is not None:
        return None
    hiding = _first_due(_expiries(rules, facts, terms.day), now_ms)
    return None if hiding is None else Decision(step=Step.MARK, rule=hiding.rule)


def expiry(rules: RuleSet, facts: Facts, day: float = DAY_SECONDS) -> Expiry | None:
    """When the newest version of an object expires, for the header ``x-amz-expiration``; None where no rule says."""
    return min(_expiries(rules, facts, day), key=lambda found: found.at_ms, default=None)


def abortion(rules: RuleSet, key: str, begun_ms: int, day: float = DAY_SECONDS) -> Expiry | None:
    """When the unfinished upload of ``key`` ends that was begun at ``begun_ms``, or None."""
    found = (
        Expiry(due_ms(begun_ms, rule.abort_days, day), rule.id)
        for rule in rules.enabled
        if rule.abort_days is not None and rule.filter.takes(key, 0, {})
    )
    return min(found, key=lambda one: one.at_ms, default=None)


def _removals(rules: RuleSet, facts: Facts, terms: Terms) -> Iterator[Expiry]:
    """When the version ends for good, by each rule that says so."""
    if facts.superseded_ms is not None:
        for rule in _taking(rules, facts):
            ends = rule.noncurrent_expiration
            if ends is not None and facts.newer >= ends.newer:
                yield Expiry(due_ms(facts.superseded_ms, ends.days, terms.day), rule.id)
    elif facts.is_marker:
        # A marker that hides nothing ends by its own rule at once, by an ordinary one when it is old enough.
        if facts.is_alone:
            yield from (Expiry(facts.created_ms, rule.id) for rule in _taking(rules, facts) if rule.expires_markers)
            yield from _expiries(rules, facts, terms.day)
    elif not terms.keeps_versions:
        yield from _expiries(rules, facts, terms.day)


def _expiries(rules: RuleSet, facts: Facts, day: float) -> Iterator[Expiry]:
    for rule in _taking(rules, facts):
        if rule.expiration is not None:
            yield Expiry(_at(rule.expiration, facts.created_ms, day), rule.id)


def _coldest_due(rules: RuleSet, facts: Facts, terms: Terms, now_ms: int) -> Decision | None:
    rank = {name: number for number, name in enumerate(terms.classes)}
    warmest = rank.get(facts.storage_class, -1)
    found = [
        Decision(step=Step.MOVE, rule=rule.id, storage_class=storage_class)
        for rule in _taking(rules, facts)
        for storage_class, at_ms in _moves(rule, facts, terms.day)
        if at_ms <= now_ms
        and rank.get(storage_class, -1) > warmest
        and _is_large_enough(rules, rule, facts, storage_class)
    ]
    return max(found, key=lambda one: rank[one.storage_class], default=None)


def _moves(rule: Rule, facts: Facts, day: float) -> Iterator[tuple[str, int]]:
    """Class and moment of each transition of ``rule`` that such a version can come to."""
    if facts.superseded_ms is None:
        for one in rule.transitions:
            yield one.storage_class, _at(one.when, facts.created_ms, day)
        return
    for other in rule.noncurrent_transitions:
        if facts.newer >= other.newer:
            yield other.storage_class, due_ms(facts.superseded_ms, other.days, day)


def _is_large_enough(rules: RuleSet, rule: Rule, facts: Facts, storage_class: str) -> bool:
    if facts.size >= SMALL_BYTES or rule.filter.has_size:
        return True
    return rules.minimum == VARIES_BY_CLASS and storage_class in _ARCHIVES


def _taking(rules: RuleSet, facts: Facts) -> Iterator[Rule]:
    return (rule for rule in rules.enabled if rule.filter.takes(facts.key, facts.size, facts.tags))


def _at(when: When, created_ms: int, day: float) -> int:
    return due_ms(created_ms, when.days, day) if when.days is not None else (when.date or 0) * 1000


def _first_due(found: Iterator[Expiry], now_ms: int) -> Expiry | None:
    due = [one for one in found if one.at_ms <= now_ms]
    return min(due, key=lambda one: one.at_ms, default=None)
