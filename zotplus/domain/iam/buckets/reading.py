"""A bucket's policy on its way in: Amazon's document as a policy of the one language, or Amazon's refusal of it.

Spec: Amazon S3 User Guide, "Bucket policies for Amazon S3"; API Reference, PutBucketPolicy. The sentences of refusals
are Amazon's: people look for them word by word.
"""

import ipaddress
import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import ARN_OF_S3
from zotplus.domain.iam.buckets.levels import FAMILY, carries, is_of_objects, of_s3
from zotplus.domain.iam.conditions.comparisons import comparison
from zotplus.domain.iam.conditions.keys import condition_key
from zotplus.domain.iam.language import VERSION, VERSION_WITHOUT_VARIABLES, Effect, Policy, PolicyKind
from zotplus.domain.iam.principal_names import EVERYBODY
from zotplus.domain.iam.reading import parse_policy, read_object
from zotplus.domain.iam.refusals import shown

BUCKET_POLICY_MAX_BYTES: Final = 20 * 1024
"""Spec: User Guide, "Amazon S3 bucket policies", 20 KB in size."""

Json: TypeAlias = Any
NameOf: TypeAlias = Callable[[str, str], str]
"""Type (``AWS``, ``CanonicalUser``) and text of a principal -> the name that grants have for it; empty for nobody."""

_TYPES = ("AWS", "CanonicalUser", "Zotplus")
_AFTER_BUCKET = ("/", "*", "?")
_ADDRESSES = frozenset({"aws:sourceip"})


def scope_of(bucket: str) -> str:
    """The scope of a bucket's policy, and its resource's name."""
    return f"s3:{bucket}"


def policy_id_of(bucket: str) -> str:
    """What decisions call a bucket's policy."""
    return f"bucket:{bucket}"


def parse_bucket_policy(data: bytes, bucket: str, name_of: NameOf) -> Policy:
    """The document in ``data`` as a policy of ``bucket``, whose principals have their names here.

    Raises ``POLICY_INVALID`` with Amazon's sentence, and with the path of what is wrong where Amazon has none.
    """
    document = _document(data)
    if document.get("Version", VERSION_WITHOUT_VARIABLES) not in (VERSION, VERSION_WITHOUT_VARIABLES):
        raise _refusal("The policy must contain a valid version string")
    if "Statement" not in document:
        raise _refusal("Missing required field Statement")
    statements = document["Statement"]
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(isinstance(row, dict) for row in statements):
        raise _invalid_json()
    if not statements:
        raise _refusal("Could not parse the policy: Statement is empty!")
    read = {**document, "Statement": [_statement(row, bucket, name_of) for row in statements]}
    policy = parse_policy(json.dumps(read), PolicyKind.RESOURCE)
    return bound(policy, bucket)


def bound(policy: Policy, bucket: str) -> Policy:
    """``policy`` as that of ``bucket``."""
    return msgspec.structs.replace(policy, id=policy_id_of(bucket), scope=scope_of(bucket))


def _document(data: bytes) -> dict[str, Json]:
    if len(data) > BUCKET_POLICY_MAX_BYTES:
        raise _refusal(f"Policy is too large: it has more than {BUCKET_POLICY_MAX_BYTES} bytes")
    if not data.startswith(b"{"):
        raise _refusal("Policies must be valid JSON and the first byte must be '{'")
    try:
        return read_object(data.decode())
    except (UnicodeDecodeError, Problem) as error:
        raise _invalid_json(error.detail if isinstance(error, Problem) else "") from error


def _statement(row: dict[str, Json], bucket: str, name_of: NameOf) -> dict[str, Json]:
    """One statement with our principals and resources; in the order in which Amazon finds fault."""
    effect = row.get("Effect")
    if effect not in (Effect.ALLOW.value, Effect.DENY.value):
        raise _refusal(f"Invalid effect: {effect if isinstance(effect, str) else ''}"[:200])
    principal: dict[str, Json] = {
        name: {"Zotplus": _principals(row[name], name_of)} for name in ("Principal", "NotPrincipal") if name in row
    }
    if not principal:
        raise _refusal("Missing required field Principal")
    actions: dict[str, Json] = {name: _actions(row[name]) for name in ("Action", "NotAction") if name in row}
    resources: dict[str, Json] = {
        name: _resources(row[name], bucket) for name in ("Resource", "NotResource") if name in row
    }
    for name, found in (("Action", actions), ("Resource", resources)):
        if not found:
            raise _refusal(f"Missing required field {name}")
    _check_condition(row.get("Condition", {}), actions.get("Action", []))
    if "Action" in actions and "Resource" in resources:
        _check_levels(actions["Action"], resources["Resource"])
    return {**row, **principal, **actions, **resources}


def _texts(value: Json, sentence: str) -> list[str]:
    """A text or a list of texts. Raises ``POLICY_INVALID`` with ``sentence``."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(text) is str and text for text in values):
        raise _refusal(sentence)
    return values


def _principals(value: Json, name_of: NameOf) -> list[str]:
    sentence = "Invalid principal in policy"
    groups = value if isinstance(value, dict) else {"AWS": value}
    found: list[str] = []
    for type_ in groups:
        if type_ not in _TYPES:
            raise _refusal(sentence, shown(type_))
        for text in _texts(groups[type_], sentence):
            name = EVERYBODY if text == EVERYBODY else name_of(type_, text)
            if not name:
                raise _refusal(sentence, shown(text))
            found.append(name)
    if not found or (EVERYBODY in found and set(found) != {EVERYBODY}):
        raise _refusal(sentence)
    return list(dict.fromkeys(found))


def _actions(value: Json) -> list[str]:
    sentence = "Policy has invalid action"
    found = _texts(value, sentence)
    for text in found:
        if not of_s3(text):
            raise _refusal(sentence, shown(text))
    return [f"{FAMILY}*" if text == "*" else text for text in found]


def _resources(value: Json, bucket: str) -> list[str]:
    """Spec: "Bucket policies": they name the bucket, or objects in it."""
    sentence = "Policy has invalid resource"
    found = _texts(value, sentence)
    for text in found:
        rest = text.removeprefix(ARN_OF_S3 + bucket)
        if not text.startswith(ARN_OF_S3 + bucket) or (rest and not rest.startswith(_AFTER_BUCKET)):
            raise _refusal(sentence, shown(text))
    return list(dict.fromkeys(found))


def _check_levels(actions: Iterable[str], resources: Iterable[str]) -> None:
    """Every action needs a resource that it can be about; a pattern one for anything that it names."""
    places = [text.removeprefix(ARN_OF_S3) for text in resources]
    has_objects = any("/" in place or "*" in place for place in places)
    has_bucket = any("/" not in place for place in places)
    for pattern in actions:
        named = of_s3(pattern)
        if not any(has_objects if is_of_objects(action) else has_bucket for action in named):
            raise _refusal("Action does not apply to any resource(s) in statement", shown(pattern))


def _check_condition(block: Json, actions: Iterable[str]) -> None:
    if not isinstance(block, dict):
        raise _invalid_json()
    named = [name for text in actions if "*" not in text and "?" not in text for name in of_s3(text)]
    for operator, keys in block.items():
        if comparison(operator) is None:
            raise _refusal(f"Invalid Condition type : {operator[:100]}")
        if not isinstance(keys, dict):
            raise _invalid_json()
        for key, values in keys.items():
            _check_key(key, values, named)


def _check_key(key: str, values: Json, actions: Iterable[str]) -> None:
    lowered = key.lower()
    if condition_key(key) is None:
        raise _refusal("Policy has an invalid condition key", shown(key))
    if not all(carries(action, lowered) for action in actions):
        sentence = "Conditions do not apply to combination of actions and resources in statement"
        raise _refusal(sentence, shown(key))
    if lowered in _ADDRESSES:
        for value in values if isinstance(values, list) else [values]:
            if not _is_network(value):
                raise _refusal("Invalid IP address in Conditions", shown(value))


def _is_network(value: Json) -> bool:
    """Whatever the operator compares, Amazon wants an address here."""
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _invalid_json(why: str = "") -> Problem:
    return _refusal("This policy contains invalid Json", why)


def _refusal(sentence: str, what: str = "") -> Problem:
    """Amazon's sentence, and what is meant in an element of its own, as Amazon has it."""
    fields = {"Detail": what} if what else {}
    return Problem(errors.POLICY_INVALID, sentence, **fields)
