"""The JSON documents of the administration API. Times are RFC 3339 in UTC.

Unknown fields of a request are refused; clients ignore unknown fields of answers, so that a server may add some.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from zotplus.services.identity.roles import Role

# A name is for people and shows in tables: one line, and short enough for one.
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
# Access key ids, robot names and patterns; the longest thing a pattern names is an S3 key of 1,024 bytes.
Pattern = Annotated[str, Meta(min_length=1, max_length=1100, pattern=r"^[^\x00-\x1f\x7f]+$")]
# A name that an issuer gives may be long; what is stored of it has 1,024 bytes at most.
Grantee = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$")]
# An IPv6 network in full, with its prefix length.
Network = Annotated[str, Meta(min_length=1, max_length=64)]
# PATH_MAX of Linux.
Folder = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Moment = Annotated[datetime, Meta(tz=True)]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has in common."""


class NewKey(_Document, frozen=True, forbid_unknown_fields=True):
    """What to create: an access key for S3 clients, or a robot token for pipelines.

    Without ``expires`` it expires after the usual time (``identity.key_days``), with null never. ``scope`` is a session
    policy that narrows what it may, whatever is granted to it.
    """

    name: Name
    kind: Literal["key", "robot"] = "key"
    expires: Moment | UnsetType | None = UNSET
    scope: dict[str, Any] | None = None


class KeyRotation(_Document, frozen=True, forbid_unknown_fields=True):
    """How long the old secret is still good beside the new one, in seconds: a day unless said otherwise."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=7_776_000)] = 86_400


class Key(_Document, frozen=True):
    """A credential without its secret. ``last_used`` is known to the minute; ``scope`` narrows what it may.

    ``user`` is whose key it is, empty for one that stands for itself; one that is ``inactive`` opens nothing.
    """

    id: str
    kind: str
    name: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None = None
    scope: dict[str, Any] | None = None
    user: str = ""
    inactive: bool = False


class CreatedKey(Key, frozen=True, kw_only=True):
    """A credential just made; ``secret`` is shown this once."""

    secret: str


class Keys(_Document, frozen=True):
    """All credentials."""

    keys: tuple[Key, ...]


class NewGrant(_Document, frozen=True, forbid_unknown_fields=True):
    """Who gets which role on what.

    ``grantee`` is a key's id, ``robot:NAME``, ``user:ISSUER:SUBJECT``, ``group:ISSUER:GROUP``, ``role:ISSUER:ROLE``,
    ``trust:NAME``, ``certificate:NAME``, ``authenticated`` or ``public``. ``networks`` (CIDR) are those that it holds
    from; everywhere when there are none.
    """

    grantee: Grantee
    role: Role
    pattern: Pattern
    networks: Annotated[tuple[Network, ...], Meta(max_length=64)] = ()


class GrantDocument(_Document, frozen=True):
    """A grant as it stands; ``warnings`` say, of one that was just made, whom it does not reach."""

    id: str
    grantee: str
    role: Role
    pattern: str
    created: datetime
    networks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Grants(_Document, frozen=True):
    """All grants."""

    grants: tuple[GrantDocument, ...]


class Bucket(_Document, frozen=True):
    """A bucket. ``versioning`` is Enabled, Suspended or null.

    What it holds and may hold is null for who may not see it; so is what it holds while that is not counted yet, and a
    quota that there is not.
    """

    name: str
    created: datetime
    owner: str
    region: str
    versioning: str | None = None
    lock: bool = False
    bytes: int | None = None
    objects: int | None = None
    quota_bytes: int | None = None
    quota_objects: int | None = None


class Buckets(_Document, frozen=True):
    """The buckets that the caller may see."""

    buckets: tuple[Bucket, ...]


class Purged(_Document, frozen=True):
    """What a purge removed."""

    bucket: str
    objects: int


class NewScrub(_Document, frozen=True, forbid_unknown_fields=True):
    """How to scrub; ``repair`` corrects wrong reference counts."""

    repair: bool = False


class FindingDocument(_Document, frozen=True):
    """Something wrong: what, with which blob or inline content, and the objects that it belongs to."""

    kind: str
    digest: str
    detail: str
    objects: tuple[str, ...]


class Scrubbed(_Document, frozen=True):
    """What a scrub looked at, and all that it found."""

    blobs: int
    objects: int
    read_bytes: int
    repaired: int
    findings: tuple[FindingDocument, ...]


class NewBackup(_Document, frozen=True, forbid_unknown_fields=True):
    """Where to write a backup: an absolute path on the server."""

    folder: Folder


class LeftOut(_Document, frozen=True):
    """What a backup does not hold and somebody has to keep by other means, and where it is."""

    what: str
    where: str


class BackedUp(_Document, frozen=True):
    """What a backup holds, the digests of blobs that could not be saved, and what is never in it."""

    folder: str
    blobs: int
    copied: int
    copied_bytes: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


class Identity(_Document, frozen=True):
    """Who the server takes the caller for.

    ``credential`` says by what they came, ``names`` are those of their groups and roles, ``expires`` is when that ends.
    """

    id: str
    kind: str
    name: str
    credential: str = ""
    names: tuple[str, ...] = ()
    expires: datetime | None = None


class LoginIssuer(_Document, frozen=True):
    """An OpenID Connect issuer for people; ``device`` says whether the device flow is offered."""

    name: str
    url: str
    client_id: str
    scopes: tuple[str, ...]
    device: bool


class Logins(_Document, frozen=True):
    """Where people log in."""

    issuers: tuple[LoginIssuer, ...]


class TokenToRevoke(_Document, frozen=True, forbid_unknown_fields=True):
    """A registry, refresh or access token of the gateway's own."""

    token: Annotated[str, Meta(min_length=1, max_length=16_384)]


class SigningKey(_Document, frozen=True):
    """The key that signs tokens from now on, as ``/auth/jwks`` publishes it."""

    id: str


class Status(_Document, frozen=True):
    """The server at a glance; ``now`` is its clock, which signatures are judged by."""

    version: str
    now: datetime
    buckets: int
    keys: int
    grants: int
