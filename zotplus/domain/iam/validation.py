"""What every policy must fulfil, beyond its shape: its actions, resources, principals and conditions exist.

Spec: AWS IAM User Guide, "IAM JSON policy elements reference"; "IAM policy validation".
"""

from collections.abc import Sequence

from zotplus.domain.actions import ACTIONS
from zotplus.domain.iam.arns import ARN_OF_S3
from zotplus.domain.iam.conditions.comparisons import IF_EXISTS, Comparison, Quantifier, comparison, values_of
from zotplus.domain.iam.conditions.keys import CONDITION_KEYS, condition_key
from zotplus.domain.iam.conditions.operators import OPERATORS
from zotplus.domain.iam.language import VERSION, Policy, PolicyKind, Statement
from zotplus.domain.iam.patterns import parts_of, variables_of
from zotplus.domain.iam.principal_names import wrong_with
from zotplus.domain.iam.refusals import nearest, refusal, shown
from zotplus.domain.iam.statements import named_actions

PATTERN_MAX = 2_048
"""Characters of one pattern or accepted value: a bucket's name and an object's key (63 and 1,024) with room."""

SID_MAX = 128
"""Characters of a statement's ``Sid``: a name for people."""

FAMILIES = tuple(dict.fromkeys(action.family for action in ACTIONS.values()))
"""What names of resources begin with, before the colon."""


ADDRESS_OF_S3 = "s3://"
"""What addresses of objects begin with at the command line, where nothing here is called so."""


def validate(policy: Policy, kind: PolicyKind | None = None) -> None:
    """Refuse a policy that could not mean what its author thinks; without ``kind`` principals may be there or not.

    Raises ``POLICY_INVALID`` whose detail begins with the path of what is wrong (``$.Statement[2].Action``).
    """
    has_variables = policy.version == VERSION
    _check_sids(policy)
    for place, statement in enumerate(policy.statement):
        path = f"$.Statement[{place}]"
        _check_elements(statement, path, kind)
        for name, actions in (("Action", statement.action), ("NotAction", statement.not_action)):
            _check_actions(actions, f"{path}.{name}")
        for name, resources in (("Resource", statement.resource), ("NotResource", statement.not_resource)):
            for where, text in _each(resources, f"{path}.{name}"):
                _check_resource(text, where, has_variables=has_variables)
        for name, principals in (("Principal", statement.principal), ("NotPrincipal", statement.not_principal)):
            _check_principals(principals, f"{path}.{name}")
        _check_condition(statement, f"{path}.Condition", has_variables=has_variables)


def _check_sids(policy: Policy) -> None:
    """Spec: "Sid" is unique within a policy. Decisions name statements by it, or by ``#`` and their place."""
    seen: set[str] = set()
    for place, statement in enumerate(policy.statement):
        sid, path = statement.sid, f"$.Statement[{place}].Sid"
        if len(sid) > SID_MAX or not sid.isprintable() or sid.startswith("#"):
            raise refusal(path, f"it has at most {SID_MAX} printable characters and does not begin with '#'")
        if sid in seen:
            raise refusal(path, f"another statement is called {shown(sid)} already")
        seen.update([sid] if sid else [])


def _check_elements(statement: Statement, path: str, kind: PolicyKind | None) -> None:
    """Spec: "Action" and "NotAction" exclude each other, as the other pairs do; one of each is needed."""
    for name, values, inverse in (
        ("Action", statement.action, statement.not_action),
        ("Resource", statement.resource, statement.not_resource),
    ):
        if bool(values) is bool(inverse):
            raise refusal(path, f"either {name} or Not{name} is needed, and not both")
    if statement.principal and statement.not_principal:
        raise refusal(path, "Principal and NotPrincipal exclude each other")
    has_principal = bool(statement.principal or statement.not_principal)
    if kind is PolicyKind.RESOURCE and not has_principal:
        raise refusal(path, "a resource policy says by Principal or NotPrincipal who is meant")
    if kind not in (PolicyKind.RESOURCE, None) and has_principal:
        raise refusal(path, "only resource policies have a Principal; this one is attached to who is meant")


def _each(values: Sequence[str], path: str) -> list[tuple[str, str]]:
    """Each value with its path: a single one has the field's own."""
    return [(f"{path}[{place}]" if len(values) > 1 else path, text) for place, text in enumerate(values)]


def _check_actions(patterns: tuple[str, ...], path: str) -> None:
    for where, pattern in _each(patterns, path):
        if len(pattern) > PATTERN_MAX or not named_actions((pattern,)):
            raise refusal(where, f"no action matches {shown(pattern)}{nearest(pattern, ACTIONS)}")


def _check_resource(text: str, path: str, *, has_variables: bool) -> None:
    if len(text) > PATTERN_MAX:
        raise refusal(path, f"a pattern has at most {PATTERN_MAX} characters")
    wrong = wrong_with_resource(text)
    if wrong:
        raise refusal(path, wrong)
    _check_variables(text, path, has_variables=has_variables)


def wrong_with_resource(text: str) -> str:
    """Why no resource is called ``text``, and no pattern either; empty where one can be."""
    family, colon, rest = text.partition(":")
    if text == "*":
        return ""
    if text.startswith(ARN_OF_S3):
        return f"{shown(text)} is an ARN; here it is {shown(resource_of_s3(text))}"
    if family not in FAMILIES or not colon:
        known = ", ".join(f"{name}:" for name in FAMILIES)
        return f"{shown(text)} is neither '*' nor begins with one of {known}{nearest(family, FAMILIES)}"
    return "" if rest else f"{shown(text)} names nothing after its colon"


def resource_of_s3(text: str) -> str:
    """``arn:aws:s3:::bucket/key`` and ``s3://bucket/key`` as they are called here; anything else as it is."""
    for beginning in (ARN_OF_S3, ADDRESS_OF_S3):
        if text.startswith(beginning):
            return f"s3:{text.removeprefix(beginning)}"
    return text


def _check_variables(text: str, path: str, *, has_variables: bool) -> None:
    try:
        variables = variables_of(parts_of(text, variables=has_variables))
    except ValueError as error:
        raise refusal(path, str(error)) from None
    for variable in variables:
        row = condition_key(variable.key)
        if row is None:
            raise refusal(path, f"there is no variable {shown(variable.key)}{nearest_key(variable.key)}")


def _check_principals(names: tuple[str, ...], path: str) -> None:
    for where, name in _each(names, path):
        wrong = wrong_with(name)
        if wrong:
            raise refusal(where, f"{shown(name)}: {wrong}")


def _check_condition(statement: Statement, path: str, *, has_variables: bool) -> None:
    for operator, keys in statement.condition.items():
        found = comparison(operator)
        if found is None:
            raise refusal(path, f"there is no operator {shown(operator)}{nearest(operator, _operator_names())}")
        for key, accepted in keys.items():
            where = f"{path}.{operator}.{shown(key)[1:-1]}"
            if condition_key(key) is None:
                raise refusal(where, f"there is no condition key {shown(key)}{nearest_key(key)}")
            values = values_of(accepted)
            may_hold_variables = has_variables and found.operator.has_variables
            for value in values:
                if len(value) > PATTERN_MAX:
                    raise refusal(where, f"a value has at most {PATTERN_MAX} characters")
                _check_variables(value, where, has_variables=may_hold_variables)
            _check_values(found, operator, values, where)


def _check_values(found: Comparison, operator: str, values: Sequence[str], path: str) -> None:
    try:
        found.operator.prepare(values, False)  # noqa: FBT003 - the table's signature; variables were looked at before
    except ValueError as error:
        raise refusal(path, f"as {found.operator.type.value} for {operator}, {error}") from None


def nearest_key(key: str) -> str:
    """What can be added to a refusal of the condition key ``key``: the most similar of those that exist."""
    return nearest(key, [row.name.removesuffix("…") for row in CONDITION_KEYS.values()])


def _operator_names() -> list[str]:
    prefixes = ("", *[f"{row}:" for row in Quantifier if row])
    return [f"{prefix}{name}{suffix}" for prefix in prefixes for name in OPERATORS for suffix in ("", IF_EXISTS)]
