"""The JSON documents about policies. What ``protocols/api/documents.py`` says of documents holds for them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal["identity", "resource"]
# As ``services/policies/values.py`` has them; said here too so that /openapi.json says it.
Remark = Annotated[str, Meta(max_length=1000)]
PolicyName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
# A grantee has at most 1,024 bytes (``services/identity/grantees.py``).
Grantee = Annotated[str, Meta(min_length=1, max_length=1024)]
VersionNumber = Annotated[int, Meta(ge=1, le=2**32 - 1)]
# Names and values of what a question is about: the longest thing that is named is an S3 key of 1,024 bytes.
Word = Annotated[str, Meta(max_length=1100)]
Words = Annotated[tuple[Word, ...], Meta(max_length=1000)]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has in common."""


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request has in common."""


class NewPolicy(_Request, frozen=True):
    """A policy to store: ``document`` is the policy itself, as JSON.

    Without ``kind`` the document decides: with a Principal it is a resource policy. Without ``description`` the present
    one stays.
    """

    document: msgspec.Raw
    kind: Kind | None = None
    description: Remark | None = None
    comment: Remark = ""


class PolicyHeadDocument(_Document, frozen=True):
    """A policy in a list; ``attached`` is the number of its grantees."""

    name: str
    version: int
    kind: str
    description: str
    created: datetime
    attached: int


class PolicyList(_Document, frozen=True):
    """All policies by name."""

    policies: tuple[PolicyHeadDocument, ...]


class PolicyDocument(_Document, frozen=True):
    """One version of a policy with its document; ``warnings`` and ``changed`` say what a change of it came to."""

    name: str
    version: int
    kind: str
    description: str
    author: str
    created: datetime
    comment: str
    current: bool
    document: msgspec.Raw
    warnings: tuple[str, ...] = ()
    changed: bool = False


class VersionDocument(_Document, frozen=True):
    """A version in a list."""

    version: int
    kind: str
    author: str
    created: datetime
    comment: str
    current: bool


class Versions(_Document, frozen=True):
    """The versions of a policy that are kept, newest first."""

    versions: tuple[VersionDocument, ...]


class Chosen(_Request, frozen=True):
    """The version that shall be current."""

    version: VersionNumber


class NewAttachment(_Request, frozen=True):
    """How to attach: as a ``boundary`` a policy limits what others grant."""

    boundary: bool = False


class AttachmentDocument(_Document, frozen=True):
    """That a policy applies to a grantee."""

    policy: str
    grantee: str
    boundary: bool
    author: str
    created: datetime


class Attachments(_Document, frozen=True):
    """Attachments by grantee and policy."""

    attachments: tuple[AttachmentDocument, ...]


class Candidate(_Request, frozen=True):
    """A policy's document to look at."""

    document: msgspec.Raw
    kind: Kind | None = None


class Verdict(_Document, frozen=True):
    """Whether a document could be stored: ``error`` says why not."""

    valid: bool
    kind: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()


class WantedPolicyDocument(_Request, frozen=True):
    """A policy as it shall be."""

    name: PolicyName
    document: msgspec.Raw
    kind: Kind | None = None


class WantedAttachmentDocument(_Request, frozen=True):
    """An attachment as it shall be."""

    policy: PolicyName
    grantee: Grantee
    boundary: bool = False


class ChangeDocument(_Document, frozen=True):
    """A change: create, update or delete a policy, of which ``version`` was current, or attach or detach it."""

    change: Literal["create", "update", "delete", "attach", "detach"]
    policy: str
    version: int = 0
    grantee: str = ""
    boundary: bool = False


class NewState(_Request, frozen=True):
    """What shall be stored. With ``prune`` nothing else shall; with ``dry_run`` nothing happens.

    ``expected`` are the changes of a dry run that somebody agreed to: where others are needed by now nothing happens.
    """

    policies: Annotated[tuple[WantedPolicyDocument, ...], Meta(max_length=1000)] = ()
    attachments: Annotated[tuple[WantedAttachmentDocument, ...], Meta(max_length=10_000)] = ()
    comment: Remark = ""
    prune: bool = False
    dry_run: bool = False
    expected: Annotated[tuple[ChangeDocument, ...], Meta(max_length=100_000)] | None = None


class Changes(_Document, frozen=True):
    """What was changed, or with ``dry_run`` would be; nothing where everything is as it shall be."""

    changes: tuple[ChangeDocument, ...]
    warnings: tuple[str, ...]
    dry_run: bool


class Person(_Request, frozen=True):
    """Somebody whom an issuer knows: the names of groups and roles are as the issuer says them."""

    issuer: Word
    subject: Word = ""
    groups: Words = ()
    roles: Words = ()


class Question(_Request, frozen=True):
    """May ``who`` do ``action`` on ``resource``? ``context`` are condition keys with their values.

    ``who`` is an id (of a key, ``robot:ci``, ``trust:release``, ``anonymous``); without it and without ``person`` it is
    the caller.
    """

    action: Word
    resource: Word
    who: Word = ""
    person: Person | None = None
    context: Annotated[dict[Word, Words], Meta(max_length=100)] = {}


class AnswerDocument(_Document, frozen=True):
    """Whether it is allowed, and what decided.

    ``layer`` says which kind of policy that was (identity, resource, boundary, session); ``policy`` with its
    ``version`` is a stored one, else the grant's name with version 0, and ``statement`` the statement itself; all are
    empty where nothing allows. ``considered`` is the number of policies that applied.
    """

    allowed: bool
    reason: str
    statement: msgspec.Raw
    layer: str = ""
    policy: str = ""
    version: int = 0
    considered: int = 0


class RightDocument(_Document, frozen=True):
    """A grant or policy that applies: ``through`` is the name by which the caller has it (an id, group, role, public).

    ``what`` is ``grant``, ``policy``, ``boundary`` or ``resource``; ``name`` says which, as ``can`` names it.
    """

    what: str
    name: str
    through: str


class Permissions(_Document, frozen=True):
    """Everything that applies to the caller."""

    id: str
    names: tuple[str, ...]
    rights: tuple[RightDocument, ...]
