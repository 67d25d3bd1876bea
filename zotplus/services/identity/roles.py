"""The built-in roles, written out as policies over a pattern.

A pattern is ``*`` (everything), ``oci:<repositories>``, ``s3:<buckets>[/<keys>]``, ``rpm:<repositories>``,
``terraform:<modules>`` or ``helm:<charts>``. As in AWS policies ``*`` matches any run of characters, ``/`` included:
``s3:team-*/x/*`` also covers the key ``y/x/z`` of bucket ``team-a``, and ``helm:team/*`` all charts of a namespace.
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
    AUDITOR = "auditor"


_S3_READ = (actions.GET_OBJECT, actions.GET_OBJECT_ATTRIBUTES, actions.GET_OBJECT_TAGGING)
# What was replaced or deleted is seen by those who write, and deleted for good by administrators only.
_S3_WRITE = (
    actions.GET_OBJECT_VERSION,
    actions.GET_OBJECT_VERSION_ATTRIBUTES,
    actions.GET_OBJECT_VERSION_TAGGING,
    actions.PUT_OBJECT_TAGGING,
    actions.DELETE_OBJECT_TAGGING,
    actions.PUT_OBJECT,
    actions.DELETE_OBJECT,
    actions.ABORT_MULTIPART_UPLOAD,
    actions.LIST_MULTIPART_UPLOAD_PARTS,
)
_S3_LIST = {
    Role.READER: (actions.LIST_BUCKET,),
    Role.PUBLISHER: (actions.LIST_BUCKET, actions.LIST_BUCKET_VERSIONS, actions.LIST_BUCKET_MULTIPART_UPLOADS),
    Role.ADMINISTRATOR: (actions.LIST_BUCKET, actions.LIST_BUCKET_VERSIONS, actions.LIST_BUCKET_MULTIPART_UPLOADS),
}
# What clients look at before they begin.
_S3_LOOK = (
    actions.GET_BUCKET_LOCATION,
    actions.GET_BUCKET_VERSIONING,
    actions.GET_BUCKET_OBJECT_LOCK,
    actions.GET_ENCRYPTION_CONFIGURATION,
)
_S3_ALL = ("s3:*",)
# A publisher may make the buckets that its pattern covers whole, but only an administrator may change or remove one.
_S3_BUCKET = {Role.READER: (), Role.PUBLISHER: (actions.CREATE_BUCKET.name,), Role.ADMINISTRATOR: _S3_ALL}
_S3_OBJECT = {
    Role.READER: tuple(action.name for action in _S3_READ),
    Role.PUBLISHER: tuple(action.name for action in _S3_READ + _S3_WRITE),
    Role.ADMINISTRATOR: _S3_ALL,
}
# Families of artifacts: what a reader may do, and what a publisher and an administrator may besides.
_ARTIFACTS = {
    "oci": ((actions.OCI_PULL,), (actions.OCI_PUSH, actions.OCI_DELETE)),
    "rpm": ((actions.RPM_READ_PACKAGE,), (actions.RPM_PUBLISH_PACKAGE, actions.RPM_DELETE_PACKAGE)),
    "terraform": (
        (actions.TERRAFORM_READ_MODULE,),
        (actions.TERRAFORM_PUBLISH_MODULE, actions.TERRAFORM_DELETE_MODULE),
    ),
    "helm": ((actions.HELM_READ_CHART,), (actions.HELM_PUBLISH_CHART, actions.HELM_DELETE_CHART)),
}
# An auditor sees who may what and what was done, and no content.
_AUDIT = ("admin:ReadAudit", "admin:VerifyAudit", "admin:List*", "admin:ReadPolicy", "admin:Explain")

_is_bucket_pattern = re.compile(r"[a-z0-9.*?-]{1,63}").fullmatch
_is_repository_pattern = re.compile(r"[a-z0-9*?][a-z0-9._*?/-]{0,254}").fullmatch
# Module and package names have capitals too: Terraform admits them in all parts of an address, RPM in repositories.
_is_artifact_pattern = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._+*?/-]{0,254}").fullmatch
_KEY_PATTERN_MAX = 1024  # an S3 key's length: a longer pattern without wildcards matches nothing
_WHOLE = frozenset({"", "*", "**"})


def everyone_policy() -> Policy:
    """What all who are logged in may do: ask who they are, for own sessions, and for lists of what they may see."""
    allowed = (
        actions.LIST_ALL_MY_BUCKETS,
        actions.OCI_CATALOG,
        actions.STS_GET_CALLER_IDENTITY,
        actions.STS_GET_SESSION_TOKEN,
    )
    return Policy(id="everyone", statement=(_allow(allowed, "*"),))


def role_policy(role: Role, pattern: str) -> Policy:
    """``role`` on ``pattern`` as a policy.

    Raises ``ARGUMENT_INVALID`` for a pattern that can match nothing, and for an auditor's that is not ``*``.
    """
    return Policy(id=f"{role.value} on {pattern}", statement=_statements(role, pattern))


def _statements(role: Role, pattern: str) -> tuple[Statement, ...]:
    if role is Role.AUDITOR:
        if pattern != "*":
            raise _unusable(pattern, "an auditor's is '*', for what it reads is about everything")
        return (Statement(effect=Effect.ALLOW, action=_AUDIT, resource=("*",)),)
    if pattern == "*":
        if role is Role.ADMINISTRATOR:
            return (Statement(effect=Effect.ALLOW, action=("*",), resource=("*",)),)
        artifacts = [_artifact_statement(role, family, "*") for family in _ARTIFACTS]
        return (*_s3_statements(role, "*"), *artifacts)
    family, _, rest = pattern.partition(":")
    if family == "s3":
        return _s3_statements(role, rest)
    if family in _ARTIFACTS:
        return (_artifact_statement(role, family, rest),)
    known = ", ".join(f"'{name}:'" for name in ("s3", *_ARTIFACTS))
    raise _unusable(pattern, f"it begins with none of {known} and is not '*'")


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
        Statement(effect=Effect.ALLOW, action=_S3_OBJECT[role], resource=(f"{on_bucket}/{'*' if is_whole else keys}",)),
        _allow(_S3_LIST[role], on_bucket, condition),
        _allow(_S3_LOOK, on_bucket),
    ]
    if is_whole and _S3_BUCKET[role]:
        statements.append(Statement(effect=Effect.ALLOW, action=_S3_BUCKET[role], resource=(on_bucket,)))
    return tuple(statements)


def _artifact_statement(role: Role, family: str, pattern: str) -> Statement:
    is_name = _is_repository_pattern if family == "oci" else _is_artifact_pattern
    if is_name(pattern) is None:
        raise _unusable(f"{family}:{pattern}", f"no {_NOUNS[family]} has such a name")
    reading, writing = _ARTIFACTS[family]
    return _allow(reading if role is Role.READER else reading + writing, f"{family}:{pattern}")


_NOUNS = {"oci": "repository", "rpm": "repository", "terraform": "module", "helm": "chart"}


def _allow(allowed: tuple[Action, ...], resource: str, condition: ConditionBlock | None = None) -> Statement:
    names = tuple(action.name for action in allowed)
    return Statement(effect=Effect.ALLOW, action=names, resource=(resource,), condition=condition or {})


def _unusable(pattern: str, reason: str) -> Problem:
    return Problem(
        errors.ARGUMENT_INVALID, f"The pattern {pattern[:200]!r} can match nothing: {reason}.", argument="pattern"
    )
