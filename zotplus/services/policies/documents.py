"""A policy's document on its way in: what kind it is, whether it can be believed, and when two say the same."""

import json
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import PolicyKind, parse_policy, warnings
from zotplus.records.policies import IDENTITY, RESOURCE

_PRINCIPALS = frozenset({"Principal", "NotPrincipal"})


class _Statements(msgspec.Struct, frozen=True, rename="pascal"):
    statement: list[dict[str, Any]] | dict[str, Any]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a document that may be stored is: its kind, and what its author should know."""

    kind: str
    warnings: tuple[str, ...]


def judge(text: bytes, kind: str | None) -> Judged:
    """Read the document in ``text`` as a policy of ``kind``; by itself where that is None.

    Raises ``POLICY_INVALID`` with the path of the fault, ``ARGUMENT_INVALID`` for an unknown kind.
    """
    if kind not in (None, IDENTITY, RESOURCE):
        raise Problem(errors.ARGUMENT_INVALID, "A policy is of kind identity or resource.", argument="kind")
    found = kind or _kind_of(text)
    policy = parse_policy(text, PolicyKind.RESOURCE if found == RESOURCE else PolicyKind.IDENTITY)
    return Judged(kind=found, warnings=tuple([f"{one.path}: {one.text}" for one in warnings(policy)]))


def says_the_same(text: bytes, other: bytes) -> bool:
    """Whether two documents differ in nothing but the writing of JSON. Both were stored, so both can be read."""
    return text == other or _canonical(text) == _canonical(other)


def statement_in(text: bytes, label: str) -> bytes | None:
    """The statement that decisions call ``label`` (its Sid, or ``#`` and its place from 1), as JSON; None if not there.

    ``text`` is a document that was stored; in a damaged one there is nothing.
    """
    try:
        statements = msgspec.json.decode(text, type=_Statements).statement
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    for place, statement in enumerate(statements if isinstance(statements, list) else [statements], start=1):
        if label in (statement.get("Sid"), f"#{place}"):
            return msgspec.json.encode(statement)
    return None


def _canonical(text: bytes) -> str:
    """One spelling of a document; numbers, which the language compares as they are written, stay so."""
    return json.dumps(json.loads(text, parse_float=_number, parse_int=_number), sort_keys=True)


def _number(text: str) -> dict[str, str]:
    return {"number": text}


def _kind_of(text: bytes) -> str:
    """The kind that fits; what cannot be read is left to the parser, which says why."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return IDENTITY
    statements = document.get("Statement") if isinstance(document, dict) else None
    listed = statements if isinstance(statements, list) else [statements]
    is_resource = any(isinstance(one, dict) and not _PRINCIPALS.isdisjoint(one) for one in listed)
    return RESOURCE if is_resource else IDENTITY
