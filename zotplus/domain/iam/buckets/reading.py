"""A bucket's policy on its way in: Amazon's document as a policy of the one language, or Amazon's refusal of it.

Spec: Amazon S3 User Guide, "Bucket policies for Amazon S3"; API Reference, PutBucketPolicy. The sentences of refusals
are Amazon's: people look for them word by word.
"""

import ipaddress
import json
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import ACTIONS
from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import ARN_OF_S3
from zotplus.domain.iam.buckets.levels import FAMILY, carries, is_of_objects, of_s3
from zotplus.domain.iam.conditions.comparisons import comparison
from zotplus.domain.iam.conditions.keys import condition_key
from zotplus.domain.iam.conditions.operators import OPERATORS
from zotplus.domain.iam.language import VERSION, VERSION_WITHOUT_VARIABLES, Effect, Policy, PolicyKind
from zotplus.domain.iam.principal_names import EVERYBODY
from zotplus.domain.iam.reading import FIELDS, STATEMENT_FIELDS, parse_policy, read_object
from zotplus.domain.iam.refusals import nearest, shown
from zotplus.domain.iam.validation import nearest_key

BUCKET_POLICY_MAX_BYTES: Final = 20 * 1024
"""Spec: User Guide, "Amazon S3 bucket policies", 20 KB in size."""

Json: TypeAlias = Any
NameOf: TypeAlias = Callable[[str, str], str]
"""Type (``AWS``, ``CanonicalUser``) and text of a principal -> the name that grants have for it; empty for nobody."""

_TYPES = ("AWS", "CanonicalUser", "Zotplus")
_AFTER_BUCKET = ("/", "*", "?")
_NO_JSON = "This policy contains invalid Json"
_ADDRESSES = frozenset({"aws:sourceip"})


def scope_of(bucket: str) -> str:
    """The scope of a bucket's policy, and its resource's name."""
    return f"s3:{bucket}"


def policy_id_of(bucket: str) -> str:
    """What decisions call a bucket's policy."""
    return f"bucket:{bucket}"


def parse_bucket_policy(data: bytes, bucket: str, name_of: NameOf) -> Policy:
    """The document in ``data`` as a policy of ``bucket``, whose principals have their names here.

    Raises ``POLICY_INVALID`` with Amazon's sentence, whose field ``Detail`` says where and what is wrong; where Amazon
    has none, both are the sentence.
    """
    document = _document(data)
    wanted = document.get("Version", VERSION_WITHOUT_VARIABLES)
    if wanted not in (VERSION, VERSION_WITHOUT_VARIABLES):
        what = f"there is no version {shown(wanted)}; use {VERSION!r}"
        raise _refusal("The policy must contain a valid version string", "$.Version", what)
    if "Statement" not in document:
        raise _refusal("Missing required field Statement", "$", _missing("Statement", document, FIELDS))
    statements = document["Statement"]
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(row, dict) for row in statements):
        raise _refusal(_NO_JSON, "$.Statement", "it is an object or a list of objects")
    if not statements:
        raise _refusal("Could not parse the policy: Statement is empty!", "$.Statement", "it is empty")
    rows = [_statement(row, f"$.Statement[{place}]", bucket, name_of) for place, row in enumerate(statements)]
    read = {**document, "Statement": rows}
    policy = parse_policy(json.dumps(read), PolicyKind.RESOURCE)
    return bound(policy, bucket)


def bound(policy: Policy, bucket: str) -> Policy:
    """``policy`` as that of ``bucket``."""
    return msgspec.structs.replace(policy, id=policy_id_of(bucket), scope=scope_of(bucket))


def _document(data: bytes) -> dict[str, Json]:
    if len(data) > BUCKET_POLICY_MAX_BYTES:
        raise Problem(errors.POLICY_INVALID, f"Policy is too large: it has more than {BUCKET_POLICY_MAX_BYTES} bytes")
    if not data.startswith(b"{"):
        raise Problem(errors.POLICY_INVALID, "Policies must be valid JSON and the first byte must be '{'")
    try:
        return read_object(data.decode())
    except (UnicodeDecodeError, Problem) as error:
        why = error.detail if isinstance(error, Problem) else "$: the text is not UTF-8."
        raise Problem(errors.POLICY_INVALID, _NO_JSON, Detail=why) from error


def _statement(row: dict[str, Json], path: str, bucket: str, name_of: NameOf) -> dict[str, Json]:
    """One statement with our principals and resources; in the order in which Amazon finds fault."""
    effect = row.get("Effect")
    if effect not in (Effect.ALLOW.value, Effect.DENY.value):
        sentence = f"Invalid effect: {effect if isinstance(effect, str) else ''}"[:200]
        if "Effect" not in row:
            raise _refusal(sentence, path, _missing("Effect", row, STATEMENT_FIELDS))
        raise _refusal(sentence, f"{path}.Effect", f"{shown(effect)} is neither 'Allow' nor 'Deny'")
    principal: dict[str, Json] = {
        name: {"Zotplus": _principals(row[name], f"{path}.{name}", name_of)}
        for name in ("Principal", "NotPrincipal")
        if name in row
    }
    if not principal:
        raise _refusal("Missing required field Principal", path, _missing("Principal", row, STATEMENT_FIELDS))
    actions: dict[str, Json] = {
        name: _actions(row[name], f"{path}.{name}") for name in ("Action", "NotAction") if name in row
    }
    resources: dict[str, Json] = {
        name: _resources(row[name], f"{path}.{name}", bucket) for name in ("Resource", "NotResource") if name in row
    }
    for name, found in (("Action", actions), ("Resource", resources)):
        if not found:
            raise _refusal(f"Missing required field {name}", path, _missing(name, row, STATEMENT_FIELDS))
    _check_condition(row.get("Condition", {}), f"{path}.Condition", actions.get("Action", []))
    if "Action" in actions and "Resource" in resources:
        _check_levels(actions["Action"], resources["Resource"], f"{path}.Action")
    return {**row, **principal, **actions, **resources}


def _missing(name: str, row: Iterable[str], known: Collection[str]) -> str:
    """Why the field is not there: what may be it under another name, or nothing is."""
    strange = next((field for field in row if field not in known), None)
    return f"it has no {name}" if strange is None else f"there is no field {shown(strange)}{nearest(strange, known)}"


def _texts(value: Json, sentence: str, path: str) -> list[str]:
    """A text or a list of texts. Raises ``POLICY_INVALID`` with ``sentence``."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(text) is str and text for text in values):
        raise _refusal(sentence, path, f"{shown(value)} is neither a text nor a list of texts, or empty")
    return values


def _principals(value: Json, path: str, name_of: NameOf) -> list[str]:
    sentence = "Invalid principal in policy"
    groups = value if isinstance(value, dict) else {"AWS": value}
    found: list[str] = []
    for type_ in groups:
        if type_ not in _TYPES:
            raise _refusal(sentence, path, f"there is no type {shown(type_)} of principals{nearest(type_, _TYPES)}")
        where = f"{path}.{type_}" if groups is value else path
        for text in _texts(groups[type_], sentence, where):
            name = EVERYBODY if text == EVERYBODY else name_of(type_, text)
            if not name:
                raise _refusal(sentence, where, f"{shown(text)} is nobody here")
            found.append(name)
    if not found:
        raise _refusal(sentence, path, "it names nobody")
    if EVERYBODY in found and set(found) != {EVERYBODY}:
        raise _refusal(sentence, path, "'*' stands for everybody, and beside nobody else")
    return list(dict.fromkeys(found))


def _actions(value: Json, path: str) -> list[str]:
    sentence = "Policy has invalid action"
    found = _texts(value, sentence, path)
    for text in found:
        if not of_s3(text):
            guess = nearest(text, [name for name in ACTIONS if name.startswith(FAMILY)])
            raise _refusal(sentence, path, f"no action of S3 matches {shown(text)}{guess}")
    return [f"{FAMILY}*" if text == "*" else text for text in found]


def _resources(value: Json, path: str, bucket: str) -> list[str]:
    """Spec: "Bucket policies": they name the bucket, or objects in it."""
    sentence = "Policy has invalid resource"
    found = _texts(value, sentence, path)
    arn = ARN_OF_S3 + bucket
    for text in found:
        rest = text.removeprefix(arn)
        if not text.startswith(arn) or (rest and not rest.startswith(_AFTER_BUCKET)):
            raise _refusal(sentence, path, f"{shown(text)} is neither '{arn}' nor in it, as '{arn}/*' is")
    return list(dict.fromkeys(found))


def _check_levels(actions: Iterable[str], resources: Iterable[str], path: str) -> None:
    """Every action needs a resource that it can be about; a pattern one for anything that it names."""
    places = [text.removeprefix(ARN_OF_S3) for text in resources]
    has_objects = any("/" in place or "*" in place for place in places)
    has_bucket = any("/" not in place for place in places)
    for pattern in actions:
        named = of_s3(pattern)
        if not any(has_objects if is_of_objects(action) else has_bucket for action in named):
            wanted = "the bucket itself" if has_objects else "objects ('/*' behind the bucket)"
            sentence = "Action does not apply to any resource(s) in statement"
            raise _refusal(sentence, path, f"{shown(pattern)} is about {wanted}, which no resource is")


def _check_condition(block: Json, path: str, actions: Iterable[str]) -> None:
    if not isinstance(block, dict):
        raise _refusal(_NO_JSON, path, "it is an object")
    named = [name for text in actions if "*" not in text and "?" not in text for name in of_s3(text)]
    for operator, keys in block.items():
        if comparison(operator) is None:
            guess = nearest(operator, OPERATORS)
            raise _refusal(
                f"Invalid Condition type : {operator[:100]}", path, f"there is no operator {shown(operator)}{guess}"
            )
        if not isinstance(keys, dict):
            raise _refusal(_NO_JSON, f"{path}.{operator}", "it is an object of keys and their values")
        for key, values in keys.items():
            _check_key(key, values, f"{path}.{operator}", named)


def _check_key(key: str, values: Json, path: str, actions: Iterable[str]) -> None:
    lowered = key.lower()
    if condition_key(key) is None:
        what = f"there is no key {shown(key)}{nearest_key(key)}"
        raise _refusal("Policy has an invalid condition key", path, what)
    strange = next((action for action in actions if not carries(action, lowered)), None)
    if strange is not None:
        sentence = "Conditions do not apply to combination of actions and resources in statement"
        raise _refusal(sentence, path, f"requests for {strange!r} have no key {shown(key)}")
    if lowered in _ADDRESSES:
        for value in values if isinstance(values, list) else [values]:
            if not _is_network(value):
                what = f"{shown(value)} is neither an address nor a network"
                raise _refusal("Invalid IP address in Conditions", f"{path}.{key}", what)


def _is_network(value: Json) -> bool:
    """Whatever the operator compares, Amazon wants an address here."""
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _refusal(sentence: str, path: str, what: str) -> Problem:
    """Amazon's sentence, and what is meant in an element of its own, as Amazon has it."""
    return Problem(errors.POLICY_INVALID, sentence, Detail=f"{path[:200]}: {what}{'' if what[-1] == '?' else '.'}")
