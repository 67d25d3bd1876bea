"""The reference page of the policy language: actions, condition keys, operators and roles."""

from collections.abc import Iterable

from zotplus.domain.actions import ACTIONS
from zotplus.domain.iam import CONDITION_KEYS, OPERATORS, Statement
from zotplus.services.identity.roles import Role, everyone_policy, role_policy

HEAD = """# Policies: actions, keys, operators, roles

<!-- Printed from zotplus/domain/actions.py, zotplus/domain/iam/conditions/ and zotplus/services/identity/roles.py by
`make fix`; edit the tables there. -->

[Policies](../policies.md) describes the language. What is not in these tables is refused when a policy is written.
"""

FAMILIES = {
    "s3": ("Objects", "`s3:bucket` and `s3:bucket/key`"),
    "oci": ("Images and other OCI artifacts", "`oci:repository`"),
    "rpm": ("Packages", "`rpm:repository`"),
    "terraform": ("Modules", "`terraform:namespace/name/provider`"),
    "helm": ("Charts", "`helm:namespace/chart`"),
    "supplychain": ("Signatures and attestations", "the name of the artifact, such as `oci:repository`"),
    "kms": ("Encryption keys", "`kms:key`"),
    "sts": ("Sessions", "`*`"),
    "admin": ("Administration", "`admin:name`, such as `admin:keys`"),
}


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_actions(), *_keys(), *_operators(), *_roles()])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A table; a bar within a cell would end it."""
    cells = [head, tuple("---" for _ in head), *rows]
    return [*("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells), ""]


def _actions() -> list[str]:
    lines = ["## Actions\n", "An action that writes is marked; a policy for everybody should name none of them.\n"]
    for family in dict.fromkeys(row.family for row in ACTIONS.values()):
        title, resources = FAMILIES[family]
        rows = [row for row in ACTIONS.values() if row.family == family]
        lines.append(f"### {title}\n\nResources: {resources}.\n")
        lines += _table(
            ("Action", "", "What it allows"),
            [(f"`{row.name}`", "writes" if row.writes else "", row.summary) for row in rows],
        )
    return lines


def _keys() -> list[str]:
    rows = [
        (f"`{row.name}`", row.type.value + (", several" if row.is_multivalued else ""), row.summary, row.present)
        for row in CONDITION_KEYS.values()
    ]
    return [
        "## Condition keys\n",
        "Names are in any case. One that ends in `…` stands for all that go on from there. *Several*: the key can have",
        "more than one value, see [set operators](../policies.md#several-values).\n",
        *_table(("Key", "Type", "Value", "Present in"), rows),
    ]


def _operators() -> list[str]:
    rows = [(f"`{row.name}`", row.type.value, row.summary) for row in OPERATORS.values()]
    return [
        "## Operators\n",
        "Each but `Null` can end in `IfExists` and begin with `ForAllValues:` or `ForAnyValue:`. Values of string and",
        "arn operators may hold variables.\n",
        *_table(("Operator", "Compares", "Holds for"), rows),
    ]


def _roles() -> list[str]:
    lines = [
        "## Roles\n",
        "What a grant gives, written as a policy, here on `*`. On a narrower pattern the resources are narrower too; a",
        "bucket is made only by who has all of it, and only an administrator of everything has `admin:` actions.\n",
    ]
    for role in Role:
        lines += [f"### `{role}`\n", *_statements(role_policy(role, "*").statement)]
    return [*lines, "### Everybody who is logged in\n", *_statements(everyone_policy().statement)]


def _statements(statements: tuple[Statement, ...]) -> list[str]:
    rows = [
        (
            row.effect.value,
            ", ".join(f"`{name}`" for name in row.action),
            ", ".join(f"`{name}`" for name in row.resource),
        )
        for row in statements
    ]
    return _table(("", "Actions", "Resources"), rows)
