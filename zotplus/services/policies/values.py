"""What the policies' services take and give."""

import re
from enum import StrEnum

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

TEXT_MAX = 1_000
"""Characters of a description or comment: a paragraph (AWS IAM, ``CreatePolicy``: Description has at most 1,000)."""

RESERVED = frozenset({"attachments", "boundaries"})
"""Files of a folder of policies that are no policies, so that no policy can be called after them."""

# AWS IAM's names have 128 characters; lower case, so that a name is a file's name everywhere.
_is_name = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}").fullmatch


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What to store: ``text`` is the document (JSON). ``kind`` None: as the document says, by having a Principal.

    ``description`` None keeps the present one. ``author`` is the id of whoever writes.
    """

    text: bytes
    author: str
    kind: str | None = None
    description: str | None = None
    comment: str = ""


class PolicyHead(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in lists; ``created`` in seconds since the epoch, ``attached`` how often it is."""

    name: str
    version: int
    kind: str
    description: str
    created: float
    attached: int


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a policy: ``created`` is when it was written, in seconds since the epoch."""

    name: str
    version: int
    kind: str
    description: str
    author: str
    created: float
    comment: str
    is_current: bool
    text: bytes


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The current version after a change, what one should know about it, and whether there is a new one."""

    policy: PolicyVersion
    warnings: tuple[str, ...]
    changed: bool


class AttachedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``policy`` applies to ``grantee``; as a boundary it only limits."""

    policy: str
    grantee: str
    is_boundary: bool
    author: str
    created: float


class ChangeKind(StrEnum):
    """What a change does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ATTACH = "attach"
    DETACH = "detach"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a plan. ``version`` is that of the policy before it, 0 where there is none, and of attachments.

    ``grantee`` and ``is_boundary`` are of attachments.
    """

    kind: ChangeKind
    policy: str
    version: int = 0
    grantee: str = ""
    is_boundary: bool = False


class WantedAttachment(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """That a policy is attached to a grantee, and how."""

    policy: str
    grantee: str
    is_boundary: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be: versions by policy name, and attachments. ``prune``: and nothing else."""

    policies: dict[str, NewVersion]
    attachments: tuple[WantedAttachment, ...] = ()
    prune: bool = False


class PersonNamed(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as an issuer's token would describe them."""

    issuer: str
    subject: str = ""
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """A grant or policy that applies to somebody.

    ``what`` is ``grant``, ``policy``, ``boundary`` or ``resource``; ``name`` is what decisions call it. ``through`` is
    the name by which it applies; of resource policies whether they name the ``principal`` or a ``group`` of it.
    """

    what: str
    name: str
    through: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the evaluator: ``policy`` and ``statement`` (JSON, or ``null``) decided, ``considered`` applied.

    ``version`` is that of a stored policy, else 0.
    """

    allowed: bool
    reason: str
    layer: str
    policy: str
    version: int
    statement: bytes
    considered: int


def is_policy_name(text: str) -> bool:
    """Whether ``text`` could be a policy's name."""
    return _is_name(text) is not None


def require_policy_name(text: str) -> None:
    """Refuse what can be no policy's name. Raises ``ARGUMENT_INVALID``."""
    if not is_policy_name(text):
        detail = "A policy's name has 1 to 128 lower-case letters, digits, dots, hyphens and underscores."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="name")
    if text in RESERVED:
        detail = f"No policy can be called {text}: in a folder of policies that file says to whom they are given."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="name")


def require_text(argument: str, text: str) -> None:
    """Refuse a description or comment that is too long or no text. Raises ``ARGUMENT_INVALID``."""
    if len(text) > TEXT_MAX or "\0" in text:
        detail = f"The {argument} has more than {TEXT_MAX} characters, or a NUL."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument=argument)
