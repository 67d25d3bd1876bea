"""The values of the policy language: policies and statements, what is asked, and what is answered.

Spec: AWS IAM User Guide, "IAM JSON policy elements reference".
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

import msgspec

ConditionBlock: TypeAlias = dict[str, dict[str, str | list[str]]]
"""Operator -> condition key -> accepted value or values; all tests must hold. Spec: "Condition"."""

VERSION = "2012-10-17"
"""The version of the language that knows variables. Spec: "Version"."""

VERSION_WITHOUT_VARIABLES = "2008-10-17"
"""What a policy without ``Version`` is written in: ``${…}`` is plain text there. Spec: "Version"."""


class Effect(StrEnum):
    """What a matching statement does. Spec: "Effect"."""

    ALLOW = "Allow"
    DENY = "Deny"


class PolicyKind(StrEnum):
    """What a policy is attached to. Spec: "Policies and permissions in IAM", policy types.

    ``identity``: principals, groups and roles. ``resource``: what is asked for; says by ``Principal`` who is meant.
    ``boundary``: limits what identity policies can allow. ``session``: limits one session's credentials.
    """

    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SESSION = "session"


class Statement(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One statement of a policy.

    ``action`` or ``not_action`` and ``resource`` or ``not_resource`` hold patterns; ``principal`` or ``not_principal``
    names, in resource policies only. What is not written is empty.
    """

    effect: Effect
    action: tuple[str, ...] = ()
    not_action: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    not_resource: tuple[str, ...] = ()
    principal: tuple[str, ...] = ()
    not_principal: tuple[str, ...] = ()
    condition: ConditionBlock = {}
    sid: str = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A named list of statements. ``${…}`` stands for a variable only where ``version`` is `VERSION`.

    A policy of a bucket has that bucket's name as its ``scope`` (``s3:bucket``): whatever its statements say, they are
    about the bucket and what is in it.
    """

    statement: tuple[Statement, ...]
    id: str = ""
    version: str = VERSION_WITHOUT_VARIABLES
    scope: str = ""


def unreadable(policy_id: str) -> Policy:
    """What stands in for a policy whose stored text cannot be read: it denies whatever that could have denied."""
    everything = Statement(effect=Effect.DENY, action=("*",), resource=("*",), principal=("*",), sid="unreadable")
    return Policy(id=policy_id, statement=(everything,))


class Need(msgspec.Struct, frozen=True):
    """What an operation asks leave for: an action's name on a resource.

    ``keys`` are the condition keys that the operation brings, in lower case; they win over the caller's.
    """

    action: str
    resource: str
    keys: Mapping[str, str | tuple[str, ...]] = {}


class Attributes(Protocol):
    """Condition keys that are known of the caller and the request, beside those of the need itself."""

    def values(self, key: str, /) -> tuple[str, ...] | None:
        """All values of ``key``, which is in lower case; None where it is absent."""
        ...


class NoAttributes:
    """Nothing is known."""

    def values(self, _key: str, /) -> tuple[str, ...] | None:
        """None."""
        return None


NO_ATTRIBUTES = NoAttributes()


class Layer(StrEnum):
    """Which kind of policy decided. Spec: "Policy evaluation logic"."""

    NONE = ""
    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SESSION = "session"


class Allowed(msgspec.Struct, frozen=True):
    """Granted, by the policy of this id; ``statement`` is its ``Sid``, or its place from 1 (``#2``)."""

    policy: str
    statement: str = ""
    layer: Layer = Layer.IDENTITY


class Denied(msgspec.Struct, frozen=True):
    """Refused, for this reason, which is for the audit log and ``why``, not for the caller.

    ``explicit`` when a Deny statement matched: that of ``policy`` and ``statement``, in ``layer``. Else ``layer`` is
    the one that should have allowed and did not: ``boundary``, ``session``, or none where nothing at all allows.
    """

    reason: str
    explicit: bool = False
    policy: str = ""
    statement: str = ""
    layer: Layer = Layer.NONE


Decision: TypeAlias = Allowed | Denied
