"""The built-in roles, written out as policies over a pattern.

A pattern is ``*`` (everything), ``oci:<repositories>`` or ``s3:<buckets>[/<keys>]``. As in AWS policies ``*`` matches
any run of characters, ``/`` included: ``s3:team-*/x/*`` also covers the key ``y/x/z`` of bucket ``team-a``.
"""

import re
from enum import StrEnum

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import ConditionBlock, Effect, Policy, Statement

PREFIX_CONDITION_KEY = "s3:prefix"
"""The condition key that carries a listing's ``prefix``. Spec: AWS, "Condition keys for Amazon S3"."""


class Role(StrEnum):
    """The built-in roles; each is a policy written out by ``role_policy`` for a pattern."""

    ADMINISTRATOR = "administrator"
    PUBLISHER = "publisher"
    READER = "reader"


_S3_READ = (actions.GET_OBJECT,)
_S3_WRITE = (
    actions.PUT_OBJECT,
    actions.DELETE_OBJECT,
    actions.ABORT_MULTIPART_UPLOAD,
    actions.LIST_MULTIPART_UPLOAD_PARTS,
)
_S3_LIST = {
    Role.READER: (actions.LIST_BUCKET,),
    Role.PUBLISHER: (actions.LIST_BUCKET, actions.LIST_BUCKET_MULTIPART_UPLOADS),
    Role.ADMINISTRATOR: (actions.LIST_BUCKET, actions.LIST_BUCKET_MULTIPART_UPLOADS),
}
# A publisher may make the buckets that its pattern covers whole, but only an administrator may remove one.
_S3_BUCKET = {
    Role.READER: (),
    Role.PUBLISHER: (actions.CREATE_BUCKET,),
    Role.ADMINISTRATOR: (actions.CREATE_BUCKET, actions.DELETE_BUCKET),
}
_S3_OBJECT = {Role.READER: _S3_READ, Role.PUBLISHER: _S3_READ + _S3_WRITE, Role.ADMINISTRATOR: _S3_READ + _S3_WRITE}
_OCI_WRITE = (actions.OCI_PULL, actions.OCI_PUSH, actions.OCI_DELETE)
_OCI = {Role.READER: (actions.OCI_PULL,), Role.PUBLISHER: _OCI_WRITE, Role.ADMINISTRATOR: _OCI_WRITE}

_is_bucket_pattern = re.compile(r"[a-z0-9.*?-]{1,63}").fullmatch
_is_repository_pattern = re.compile(r"[a-z0-9*?][a-z0-9._*?/-]{0,254}").fullmatch
_KEY_PATTERN_MAX = 1024  # an S3 key's length: a longer pattern without wildcards matches nothing
_WHOLE = frozenset({"", "*", "**"})


def everyone_policy() -> Policy:
    """What everybody who is logged in may do: ask for the lists, which show only what they may see."""
    return Policy(id="everyone", statement=(_allow((actions.LIST_ALL_MY_BUCKETS, actions.OCI_CATALOG), "*"),))


def role_policy(role: Role, pattern: str) -> Policy:
    """``role`` on ``pattern`` as a policy.

    Raises ``ARGUMENT_INVALID`` for a pattern that can match nothing.
    """
    name = f"{role.value} on {pattern}"
    if pattern == "*":
        if role is Role.ADMINISTRATOR:
            everything = Statement(effect=Effect.ALLOW, action=("*",), resource=("*",))
            return Policy(id=name, statement=(everything,))
        return Policy(id=name, statement=(*_s3_statements(role, "*"), *_oci_statements(role, "*")))
    family, _, rest = pattern.partition(":")
    if family == "s3":
        return Policy(id=name, statement=_s3_statements(role, rest))
    if family == "oci":
        return Policy(id=name, statement=_oci_statements(role, rest))
    raise _unusable(pattern, "it begins with neither 's3:' nor 'oci:' and is not '*'")


def _s3_statements(role: Role, pattern: str) -> tuple[Statement, ...]:
    bucket, _, keys = pattern.partition("/")
    if _is_bucket_pattern(bucket) is None:
        raise _unusable(f"s3:{pattern}", "no bucket has such a name")
    if len(keys.encode(errors="replace")) > _KEY_PATTERN_MAX or "\0" in keys:
        raise _unusable(f"s3:{pattern}", "no object has such a key")
    is_whole = keys in _WHOLE
    on_bucket = f"s3:{bucket}"
    condition: ConditionBlock = {} if is_whole else {"StringLike": {PREFIX_CONDITION_KEY: keys}}
    statements = [
        _allow(_S3_OBJECT[role], f"{on_bucket}/{'*' if is_whole else keys}"),
        _allow(_S3_LIST[role], on_bucket, condition),
        _allow((actions.GET_BUCKET_LOCATION,), on_bucket),
    ]
    if is_whole and _S3_BUCKET[role]:
        statements.append(_allow(_S3_BUCKET[role], on_bucket))
    return tuple(statements)


def _oci_statements(role: Role, pattern: str) -> tuple[Statement, ...]:
    if _is_repository_pattern(pattern) is None:
        raise _unusable(f"oci:{pattern}", "no repository has such a name")
    return (_allow(_OCI[role], f"oci:{pattern}"),)


def _allow(allowed: tuple[Action, ...], resource: str, condition: ConditionBlock | None = None) -> Statement:
    names = tuple(action.name for action in allowed)
    return Statement(effect=Effect.ALLOW, action=names, resource=(resource,), condition=condition or {})


def _unusable(pattern: str, reason: str) -> Problem:
    return Problem(
        errors.ARGUMENT_INVALID, f"The pattern {pattern[:200]!r} can match nothing: {reason}.", argument="pattern"
    )
