"""Conditions of a statement, prepared for asking.

Spec: AWS IAM User Guide, "IAM JSON policy elements: Condition", "Condition operators" and "Set operators for
multivalued context keys".
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from zotplus.domain.iam.conditions.operators import OPERATORS, Match, Operator, ValueType
from zotplus.domain.iam.language import ConditionBlock
from zotplus.domain.iam.patterns import Lookup

Test: TypeAlias = Callable[[Lookup], bool]

IF_EXISTS = "IfExists"


class Quantifier(StrEnum):
    """How many of a key's values have to match. Spec: "Set operators for multivalued context keys"."""

    NONE = ""
    ALL = "ForAllValues"
    ANY = "ForAnyValue"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """An operator as policies write it: ``ForAnyValue:StringLikeIfExists``."""

    operator: Operator
    quantifier: Quantifier = Quantifier.NONE
    if_exists: bool = False

    @property
    def holds_when_absent(self) -> bool:
        """What an absent key makes of the condition.

        Spec: "Condition operators", Important (a negated operator holds) and ``...IfExists``; "Set operators":
        ``ForAllValues`` holds and ``ForAnyValue`` does not.
        """
        if self.if_exists or self.quantifier is Quantifier.ALL:
            return True
        return self.operator.negated and self.quantifier is Quantifier.NONE


def comparison(text: str) -> Comparison | None:
    """``text`` as an operator; None where there is no such one. ``Null`` has neither quantifier nor ``IfExists``."""
    prefix, colon, rest = text.rpartition(":")
    quantifier = next((row for row in Quantifier if row.value == prefix), None)
    operator = OPERATORS.get(rest.removesuffix(IF_EXISTS))
    if quantifier is None or operator is None or bool(colon) is (quantifier is Quantifier.NONE):
        return None
    if operator.type is ValueType.NULL and text != operator.name:
        return None
    return Comparison(operator=operator, quantifier=quantifier, if_exists=rest.endswith(IF_EXISTS))


def values_of(accepted: str | list[str]) -> Sequence[str]:
    """The accepted values: one text is a list of one."""
    return [accepted] if isinstance(accepted, str) else accepted


def prepare(block: ConditionBlock, *, denies: bool, variables: bool) -> tuple[Test, ...]:
    """The tests of a condition, all of which must hold.

    Of one that cannot be understood, in a statement that ``denies`` nothing is left, so that it denies; else the test
    never holds. A value of the request that cannot be read counts as one that the statement is about where it
    ``denies``, and as none else: whoever can send nonsense must not get around a denial.
    """
    tests: list[Test] = []
    for name, keys in block.items():
        for key, accepted in keys.items():
            try:
                tests.append(_test(name, key.lower(), values_of(accepted), denies=denies, variables=variables))
            except ValueError:
                if not denies:
                    return (_never,)
    if not tests and block and not denies and not all(comparison(name) for name in block):
        return (_never,)  # an operator that nobody knows, without any key
    return tuple(tests)


def _never(_lookup: Lookup) -> bool:
    return False


def _test(name: str, key: str, accepted: Sequence[str], *, denies: bool, variables: bool) -> Test:
    found = comparison(name)
    if found is None:
        raise ValueError(name)
    has_variables = variables and found.operator.has_variables
    match = found.operator.prepare(accepted, has_variables)
    if found.operator.type is ValueType.NULL:
        return lambda lookup: bool(match("false" if lookup(key) else "true", lookup))
    return _over_values(found, key, match, when_unreadable=denies)


def _over_values(found: Comparison, key: str, match: Match, *, when_unreadable: bool) -> Test:
    """Without a quantifier, one match is enough for an operator, and a negated one stands for the opposite."""
    negated, when_absent = found.operator.negated, found.holds_when_absent
    is_any = found.quantifier is Quantifier.ANY or (found.quantifier is Quantifier.NONE and not negated)
    quantify = any if is_any else all

    def holds(lookup: Lookup) -> bool:
        values = lookup(key)
        if not values:
            return when_absent
        matched = [match(value, lookup) for value in values]
        return quantify([when_unreadable if found is None else found is not negated for found in matched])

    return holds
