"""What an author should be told about a policy that is valid: statements without effect, and grants that are too wide.

Spec: AWS IAM User Guide, "Access Analyzer policy check reference", warnings and security warnings.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from zotplus.domain.actions import ACTIONS
from zotplus.domain.iam.conditions.comparisons import Comparison, Quantifier, comparison
from zotplus.domain.iam.conditions.keys import ConditionKey, condition_key
from zotplus.domain.iam.conditions.operators import ValueType
from zotplus.domain.iam.language import VERSION, Effect, Policy, Statement
from zotplus.domain.iam.patterns import is_wider
from zotplus.domain.iam.principal_names import EVERYBODY, PUBLIC
from zotplus.domain.iam.refusals import shown
from zotplus.domain.iam.statements import actions_of, named_actions
from zotplus.domain.iam.validation import ADDRESS_OF_S3, resource_of_s3

COMPARISONS_MAX = 20_000
"""Of two patterns, for a whole policy: a tenth of a second. What lies beyond is not looked at."""

_EVERYTHING = "*"
# Actions that work on what another family names: signatures lie beside artifacts, sessions belong to nothing.
_ROAMING = frozenset({"supplychain", "sts"})
_VARIABLE = "${"


class WarningCode(StrEnum):
    """What kind of thing is odd."""

    UNREACHABLE = "unreachable"
    TOO_WIDE = "too_wide"
    KEY_NEVER_PRESENT = "key_never_present"
    TYPE_MISMATCH = "type_mismatch"
    QUANTIFIER = "quantifier"
    VARIABLES_IGNORED = "variables_ignored"
    RESOURCE_MISMATCH = "resource_mismatch"


class PolicyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at: ``path`` is where (``$.Statement[2].Action``), ``text`` is for people."""

    path: str
    code: WarningCode
    text: str


def warnings(policy: Policy) -> tuple[PolicyWarning, ...]:
    """What is odd about ``policy``, which is valid, in the order of its statements."""
    found = [*_unreachable(policy)]
    for place, statement in enumerate(policy.statement):
        path = f"$.Statement[{place}]"
        found += _too_wide(statement, path)
        found += _about_conditions(statement, path)
        found += _about_addresses(statement, path)
        if policy.version != VERSION and _has_variables(statement):
            text = f"'${{' is plain text in this version of the language; variables need Version {VERSION}"
            found.append(PolicyWarning(path=path, code=WarningCode.VARIABLES_IGNORED, text=text))
        if not _can_meet(statement):
            text = "no action named here works on a resource named here"
            found.append(PolicyWarning(path=path, code=WarningCode.RESOURCE_MISMATCH, text=text))
    return tuple(sorted(found, key=lambda row: int(row.path.partition("[")[2].partition("]")[0])))


def _unreachable(policy: Policy) -> Iterator[PolicyWarning]:
    left = COMPARISONS_MAX
    for place, statement in enumerate(policy.statement):
        for other_place, other in enumerate(policy.statement):
            is_earlier = other_place < place and other.effect is statement.effect
            is_denial = other.effect is Effect.DENY and statement.effect is Effect.ALLOW
            if not is_earlier and not is_denial:
                continue
            left -= len(statement.resource) * len(other.resource) + 1
            if left < 0:
                return
            if _is_covered(statement, other):
                verb = "denies" if other.effect is Effect.DENY else "allows"
                text = f"without effect: statement {other.sid or f'#{other_place + 1}'} {verb} all of this already"
                yield PolicyWarning(path=f"$.Statement[{place}]", code=WarningCode.UNREACHABLE, text=text)
                break


def _is_covered(statement: Statement, other: Statement) -> bool:
    """Whether ``other`` applies wherever ``statement`` does. Yes is certain, no is not."""
    if other.condition and other.condition != statement.condition:
        return False
    is_same_inverse = (other.not_resource, other.not_principal) == (statement.not_resource, statement.not_principal)
    if not is_same_inverse or not _names_all(statement, other) or not actions_of(other) >= actions_of(statement):
        return False
    return all(any(is_wider(wide, narrow) for wide in other.resource) for narrow in statement.resource)


def _names_all(statement: Statement, other: Statement) -> bool:
    wide = set(other.principal)
    return EVERYBODY in wide or PUBLIC in wide or wide >= set(statement.principal)


def _too_wide(statement: Statement, path: str) -> Iterator[PolicyWarning]:
    if statement.effect is Effect.DENY:
        return
    for name, values in (
        ("NotAction", statement.not_action),
        ("NotResource", statement.not_resource),
        ("NotPrincipal", statement.not_principal),
    ):
        if values:
            text = f"Allow with {name} allows everything that is not named, also what will be added later"
            yield PolicyWarning(path=f"{path}.{name}", code=WarningCode.TOO_WIDE, text=text)
    if _EVERYTHING in statement.action and _EVERYTHING in statement.resource and not statement.condition:
        text = "every action on every resource: an administrator of all"
        yield PolicyWarning(path=path, code=WarningCode.TOO_WIDE, text=text)
    if {EVERYBODY, PUBLIC}.isdisjoint(statement.principal) and not statement.not_principal:
        return
    rows = [ACTIONS[name] for name in sorted(actions_of(statement))]
    opened = [row.name for row in rows if row.family == "admin"] or [row.name for row in rows if row.writes]
    if opened:
        text = f"everybody, also without login, may {opened[0]}" + (" and more" if len(opened) > 1 else "")
        yield PolicyWarning(path=path, code=WarningCode.TOO_WIDE, text=text)


def _about_addresses(statement: Statement, path: str) -> Iterator[PolicyWarning]:
    """No bucket's name begins with a slash, so such a resource is never met."""
    for name, values in (("Resource", statement.resource), ("NotResource", statement.not_resource)):
        for text in values:
            if text.startswith(ADDRESS_OF_S3):
                told = f"{shown(text)} is an address: no resource is called so, but {shown(resource_of_s3(text))}"
                yield PolicyWarning(path=f"{path}.{name}", code=WarningCode.RESOURCE_MISMATCH, text=told)


def _about_conditions(statement: Statement, path: str) -> Iterator[PolicyWarning]:
    for name, keys in statement.condition.items():
        found = comparison(name)
        for key in keys:
            row = condition_key(key)
            if found is None or row is None:
                continue
            where = f"{path}.Condition.{name}.{key}"
            for code, text in _about_key(statement, found, row):
                yield PolicyWarning(path=where, code=code, text=text)


def _about_key(statement: Statement, found: Comparison, row: ConditionKey) -> Iterator[tuple[WarningCode, str]]:
    if row.is_reserved:
        yield WarningCode.KEY_NEVER_PRESENT, "nothing brings this key yet: it is absent from every request"
    elif row.actions and named_actions(row.actions).isdisjoint(actions_of(statement)):
        yield WarningCode.KEY_NEVER_PRESENT, f"no action named here carries it; it is present in {row.present}"
    compared = found.operator.type
    is_text = row.type is ValueType.STRING
    if compared is ValueType.NULL:
        return
    if compared is not row.type and not is_text:
        yield (
            WarningCode.TYPE_MISMATCH,
            f"its values are of type {row.type}, and {found.operator.name} compares {compared}",
        )
    if row.is_multivalued and found.quantifier is Quantifier.NONE and found.operator.negated:
        yield WarningCode.QUANTIFIER, "it can have several values; say ForAllValues: or ForAnyValue: what is meant"
    if not row.is_multivalued and found.quantifier is not Quantifier.NONE:
        yield WarningCode.QUANTIFIER, f"it has one value, and {found.quantifier} {_SINGLE[found.quantifier]}"


_SINGLE = {Quantifier.ALL: "also holds where it is absent", Quantifier.ANY: "changes nothing but an absent value"}


def _has_variables(statement: Statement) -> bool:
    accepted = [value for keys in statement.condition.values() for value in keys.values()]
    texts = [*statement.resource, *statement.not_resource, *[str(value) for value in accepted]]
    return any(_VARIABLE in text for text in texts)


def _can_meet(statement: Statement) -> bool:
    families = {ACTIONS[name].family for name in actions_of(statement)}
    if not statement.resource or _EVERYTHING in statement.resource or families & _ROAMING:
        return True
    return bool(families & {text.partition(":")[0] for text in statement.resource})
