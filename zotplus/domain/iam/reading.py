"""Policies as JSON text, read and written.

Spec: AWS IAM User Guide, "Grammar of the IAM JSON policy language"; "IAM and AWS STS quotas" for a session policy's
length. Text comes from whoever may write policies, and session policies from everybody: it is bounded before all else.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import msgspec

from zotplus.domain.iam.arns import ARN_OF_S3
from zotplus.domain.iam.language import (
    VERSION,
    VERSION_WITHOUT_VARIABLES,
    ConditionBlock,
    Effect,
    Policy,
    PolicyKind,
    Statement,
)
from zotplus.domain.iam.principal_names import PRINCIPAL_TYPES
from zotplus.domain.iam.refusals import POLICY_TEXT_SHOWN, nearest, refusal, shown
from zotplus.domain.iam.validation import validate

POLICY_MAX_BYTES = 64 * 1024
"""Of a policy's text. Amazon stops at 20 KiB (bucket policies); a registry has fewer places to spread them over."""

SESSION_POLICY_MAX_CHARACTERS = 2_048
"""Spec: "IAM and AWS STS quotas", plaintext of session policies."""

DEPTH_MAX = 8
"""Of nested objects and lists; the language itself has five."""

STATEMENTS_MAX = 500

Json: TypeAlias = Any
FIELDS = frozenset({"Version", "Id", "Statement"})
"""What a policy can have."""
STATEMENT_FIELDS = (
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"),
)
_brackets = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL).finditer


class _Number(str):
    """A number of the text, as it stands there."""

    __slots__ = ()


def parse_policy(data: bytes | str, kind: PolicyKind, *, policy_id: str = "") -> Policy:
    """The policy that ``data`` (JSON in UTF-8) is; ``policy_id`` where the text has no ``Id``.

    Raises ``POLICY_INVALID`` whose detail begins with the path of what is wrong (``$.Statement[2].Action``).
    """
    document = read_object(_text(data, kind))
    _require_fields(document, FIELDS, "$")
    version = document.get("Version", VERSION_WITHOUT_VARIABLES)
    if version not in (VERSION, VERSION_WITHOUT_VARIABLES):
        raise refusal("$.Version", f"there is no version {shown(version)}; use {VERSION!r}")
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise refusal("$.Statement", "at least one statement is needed, as an object or a list of objects")
    if len(statements) > STATEMENTS_MAX:
        raise refusal("$.Statement", f"there are more than {STATEMENTS_MAX} statements")
    read = tuple([_statement(row, f"$.Statement[{place}]") for place, row in enumerate(statements)])
    named = _plain_text(document.get("Id", ""), "$.Id")
    policy = Policy(statement=read, id=named or policy_id, version=str(version))
    validate(policy, kind)
    return policy


def policy_text(policy: Policy) -> str:
    """``policy`` as JSON in its canonical form: fields in the order of the grammar, lists of one as one value."""
    document: dict[str, Json] = {"Version": policy.version}
    if policy.id:
        document["Id"] = policy.id
    document["Statement"] = [_written(statement) for statement in policy.statement]
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _text(data: bytes | str, kind: PolicyKind) -> str:
    if len(data) > POLICY_MAX_BYTES:
        raise refusal("$", f"the text is longer than {POLICY_MAX_BYTES} bytes")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        size = len(text.encode())
    except UnicodeError:
        raise refusal("$", "the text is not UTF-8") from None
    if size > POLICY_MAX_BYTES:
        raise refusal("$", f"the text is longer than {POLICY_MAX_BYTES} bytes")
    if kind is PolicyKind.SESSION and len(text) > SESSION_POLICY_MAX_CHARACTERS:
        raise refusal("$", f"a session policy has at most {SESSION_POLICY_MAX_CHARACTERS} characters")
    return text


def read_object(text: str) -> dict[str, Json]:
    """The JSON object in ``text``, whose numbers stay as they are written. Raises ``POLICY_INVALID``."""
    depth = 0
    for found in _brackets(text):
        opening, closing = found.groups()
        depth += (opening is not None) - (closing is not None)
        if depth > DEPTH_MAX:
            raise refusal("$", f"objects and lists are nested deeper than {DEPTH_MAX}")
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
    except ValueError as error:
        raise refusal("$", f"the text is not JSON: {str(error)[:POLICY_TEXT_SHOWN]}") from None
    if not isinstance(document, dict):
        raise refusal("$", "a policy is an object")
    return document


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} stands twice in one object")
        found[name] = value
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no value")


def _statement(row: Json, path: str) -> Statement:
    if not isinstance(row, dict):
        raise refusal(path, "a statement is an object")
    _require_fields(row, STATEMENT_FIELDS, path)
    effect = row.get("Effect")
    if effect not in (Effect.ALLOW.value, Effect.DENY.value):
        raise refusal(f"{path}.Effect", "it is 'Allow' or 'Deny'")
    return Statement(
        effect=Effect(effect),
        action=_texts(row, "Action", path),
        not_action=_texts(row, "NotAction", path),
        resource=tuple([_resource(text) for text in _texts(row, "Resource", path)]),
        not_resource=tuple([_resource(text) for text in _texts(row, "NotResource", path)]),
        principal=_principals(row, "Principal", path),
        not_principal=_principals(row, "NotPrincipal", path),
        condition=_conditions(row.get("Condition", {}), f"{path}.Condition"),
        sid=_plain_text(row.get("Sid", ""), f"{path}.Sid"),
    )


def _require_fields(row: dict[str, Json], known: Collection[str], path: str) -> None:
    for name in row:
        if name not in known:
            raise refusal(path, f"there is no field {shown(name)}{nearest(name, known)}")


def _texts(row: dict[str, Json], name: str, path: str) -> tuple[str, ...]:
    """A text or a list of texts; empty only where the field is absent."""
    if name not in row:
        return ()
    value = row[name]
    values = value if isinstance(value, list) else [value]
    if not values:
        raise refusal(f"{path}.{name}", "the list is empty")
    return tuple([_plain_text(text, f"{path}.{name}", is_needed=True) for text in values])


def _plain_text(value: Json, path: str, *, is_needed: bool = False) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        raise refusal(path, "it is text")
    if is_needed and not value:
        raise refusal(path, "the text is empty")
    return _encodable(value, path)


def _encodable(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise refusal(path, "it holds half a character (a lone surrogate)") from None
    return str(value)


def _resource(text: str) -> str:
    """Amazon's name of a bucket or object as ours. Spec: Amazon S3 User Guide, "Policy resources for Amazon S3"."""
    return f"s3:{text[len(ARN_OF_S3) :]}" if text.startswith(ARN_OF_S3) else text


def _principals(row: dict[str, Json], name: str, path: str) -> tuple[str, ...]:
    value = row.get(name)
    if not isinstance(value, dict):
        if value not in (None, "*"):
            raise refusal(f"{path}.{name}", "it is '*' or an object with 'Zotplus' and names")
        return () if value is None else ("*",)
    _require_fields(value, PRINCIPAL_TYPES, f"{path}.{name}")
    if not value:
        raise refusal(f"{path}.{name}", "the object is empty")
    found = [text for type_ in value for text in _texts(value, type_, f"{path}.{name}")]
    return tuple(dict.fromkeys(found))


def _conditions(block: Json, path: str) -> ConditionBlock:
    if not isinstance(block, dict):
        raise refusal(path, "it is an object of operators")
    return {
        _encodable(operator, path): _keys(keys, f"{path}.{shown(operator)[1:-1]}") for operator, keys in block.items()
    }


def _keys(keys: Json, path: str) -> dict[str, str | list[str]]:
    if not isinstance(keys, dict) or not keys:
        raise refusal(path, "it is an object of condition keys and their values")
    return {_encodable(key, path): _values(value, f"{path}.{shown(key)[1:-1]}") for key, value in keys.items()}


def _values(value: Json, path: str) -> str | list[str]:
    if not isinstance(value, list):
        return _scalar(value, path)
    if not value:
        raise refusal(path, "the list is empty")
    return [_scalar(one, path) for one in value]


def _scalar(value: Json, path: str) -> str:
    """Text as it is, and numbers, true and false as their text. Spec: "Grammar", condition_value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise refusal(path, "a value is text, a number, true or false")
    return _encodable(value, path)


def _written(statement: Statement) -> dict[str, Json]:
    rows: dict[str, Json] = {
        "Sid": statement.sid,
        "Effect": statement.effect.value,
        "Principal": _written_principals(statement.principal),
        "NotPrincipal": _written_principals(statement.not_principal),
        "Action": _written_list(statement.action),
        "NotAction": _written_list(statement.not_action),
        "Resource": _written_list(statement.resource),
        "NotResource": _written_list(statement.not_resource),
        "Condition": {
            operator: {key: _written_list(values) for key, values in keys.items()}
            for operator, keys in statement.condition.items()
        },
    }
    return {name: value for name, value in rows.items() if value}


def _written_list(values: str | Sequence[str]) -> Json:
    if isinstance(values, str):
        return values
    return values[0] if len(values) == 1 else list(values)


def _written_principals(names: tuple[str, ...]) -> Json:
    if names == ("*",):
        return "*"
    return {"Zotplus": _written_list(names)} if names else None
