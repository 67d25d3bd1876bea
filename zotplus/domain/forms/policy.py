"""Policies of forms: what may be uploaded with a form that was signed beforehand, and until when.

Every field must be covered: what the signer did not foresee is refused, or a form to upload pictures could set lists
of grants. The sentences are Amazon's, which people look for word by word.

Spec: Amazon S3 API Reference, "Browser-based uploads using POST", "Creating a POST policy".
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

CONDITIONS_LIMIT: Final = 256
"""Conditions of one policy: all fields of a form twice over."""
_UNCOVERED = frozenset({"x-amz-signature", "signature", "awsaccesskeyid", "file", "policy"})
_IGNORED_PREFIX = "x-ignore-"
_LISTS = frozenset({"content-type"})
"""Fields with several values between commas, each of which has to begin so ("Conditions and condition matching")."""
_ARGUMENTS = 3
_RANGE = "content-length-range"
_LARGEST = 1 << 63
_ECHO = 200

# "2026-12-01T12:00:00.000Z" or without the fraction ("Expiration": ISO 8601 UTC).
_is_expiration = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII).fullmatch


class Equal(msgspec.Struct, frozen=True):
    """The field has this value. ``text`` is the condition as refusals tell it."""

    field: str
    value: str
    text: str


class Prefixed(msgspec.Struct, frozen=True):
    """The field begins so; with an empty prefix it may be anything."""

    field: str
    value: str
    text: str


Condition: TypeAlias = Equal | Prefixed


class FormPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that was read: ``expires`` in seconds since the epoch, ``least`` and ``most`` bytes of the file."""

    expires: float
    conditions: tuple[Condition, ...]
    least: int = 0
    most: int | None = None


def parse_policy(encoded: str) -> FormPolicy:
    """The policy in a form's field, which is base64 of JSON. Raises ``FORM_POLICY_INVALID``."""
    try:
        text = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("invalid Base64 encoding.") from error
    if not text:
        raise _invalid("Expecting '{' but found End-of-Input")
    document = _document(text)
    expires = _expiration(document["expiration"])
    written = document["conditions"]
    if not isinstance(written, list):
        raise _invalid("Invalid 'conditions' value: must be a List.")
    if len(written) > CONDITIONS_LIMIT:
        raise _invalid(f"there are more than {CONDITIONS_LIMIT} conditions.")
    least, most = 0, None
    conditions: list[Condition] = []
    for one in written:
        if isinstance(one, list) and one and one[0] == _RANGE:
            low, high = _range(one)
            least, most = max(least, low), high if most is None else min(most, high)
        else:
            conditions.append(_condition(one))
    return FormPolicy(expires=expires, conditions=tuple(conditions), least=least, most=most)


def require_allowed(policy: FormPolicy, fields: Mapping[str, str], now: float) -> None:
    """Refuse what ``policy`` does not allow. ``fields`` are by lower-case name, the bucket of the address among them.

    Raises ``ACCESS_DENIED``.
    """
    if now > policy.expires:
        raise expired()
    for condition in policy.conditions:
        if not _holds(condition, fields.get(condition.field, "")):
            raise _denied(f"Policy Condition failed: {condition.text[:_ECHO]}")
    covered = {condition.field for condition in policy.conditions}
    extra = [name for name in fields if not (name in covered or name in _UNCOVERED or name.startswith(_IGNORED_PREFIX))]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)[:_ECHO]}")


def expired() -> Problem:
    """The refusal of a policy whose time is over."""
    return _denied("Policy expired.")


def _holds(condition: Condition, value: str) -> bool:
    if isinstance(condition, Equal):
        return value == condition.value
    if condition.field in _LISTS and condition.value:
        return all(part.strip().startswith(condition.value) for part in value.split(","))
    return value.startswith(condition.value)


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid("Invalid JSON.") from error
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    for name in document:
        if name not in ("expiration", "conditions"):
            raise _invalid(f'Unexpected: "{name[:_ECHO]}"')
    for name in ("expiration", "conditions"):
        if name not in document:
            raise _invalid(f"Policy missing {name}.")
    return document


def _expiration(value: object) -> float:
    if not isinstance(value, str):
        raise _invalid("Invalid JSON.")
    try:
        if _is_expiration(value) is not None:
            return datetime.fromisoformat(value[:19]).replace(tzinfo=UTC).timestamp()
    except ValueError:  # the thirteenth month
        pass
    raise _invalid(f"Invalid 'expiration' value: '{value[:_ECHO]}'")


def _condition(written: object) -> Condition:
    if isinstance(written, dict):
        return _simple(written)
    if not isinstance(written, list):
        raise _invalid("Invalid condition test: must be a List or Object.")
    if not written:
        raise _invalid("Invalid Condition: missing operation identifier.")
    operation = written[0]
    if operation not in ("eq", "starts-with"):
        raise _invalid(f"Invalid Condition: unknown operation '{str(operation)[:_ECHO]}'.")
    if len(written) != _ARGUMENTS:
        raise _invalid(f"Invalid {operation}: wrong number of arguments.")
    field, value = written[1:]
    if not isinstance(field, str) or not isinstance(value, str):
        raise _invalid("Invalid JSON.")
    text = msgspec.json.encode(written).decode()
    if not field.startswith("$"):
        raise _denied(f"Policy Condition failed: {text[:_ECHO]}")
    return (Equal if operation == "eq" else Prefixed)(field[1:].lower(), value, text)


def _simple(written: dict[str, Any]) -> Condition:
    opening = "Invalid Simple-Condition: "
    if len(written) != 1:
        raise _invalid(opening + "Simple-Conditions must have exactly one property specified.")
    ((field, value),) = written.items()
    if not isinstance(value, str):
        raise _invalid(opening + "value must be a string.")
    return Equal(field.lower(), value, f'["eq", "${field}", "{value}"]')


def _range(written: list[Any]) -> tuple[int, int]:
    if len(written) != _ARGUMENTS:
        raise _invalid(f"Invalid {_RANGE}: wrong number of arguments.")
    low, high = (_bytes(value) for value in written[1:])
    return low, high


def _bytes(value: object) -> int:
    """Numbers are JSON's or, as some clients write them, texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(_LARGEST)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise _invalid("Invalid JSON.")
    return value


def _invalid(detail: str) -> Problem:
    return Problem(errors.FORM_POLICY_INVALID, f"Invalid Policy: {detail}")


def _denied(detail: str) -> Problem:
    return Problem(errors.ACCESS_DENIED, f"Invalid according to Policy: {detail}")
