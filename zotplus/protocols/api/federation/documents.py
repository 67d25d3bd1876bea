"""The JSON documents about trusts and sessions. What ``protocols/api/documents.py`` says holds for them."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from zotplus.domain.trusts import (
    AUDIENCE_MAX_CHARACTERS,
    CONDITIONS_MAX,
    DESCRIPTION_MAX_CHARACTERS,
    LIFETIME,
    LIFETIME_MAX,
    LIFETIME_MIN,
    PATTERN_MAX_CHARACTERS,
    PATTERNS_MAX,
)
from zotplus.services.federation.trusts import GRANTS_MAX
from zotplus.services.identity.roles import Role

TrustName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
ClaimPattern = Annotated[str, Meta(min_length=1, max_length=PATTERN_MAX_CHARACTERS)]
ClaimPatterns = Annotated[tuple[ClaimPattern, ...], Meta(min_length=1, max_length=PATTERNS_MAX)]
Claims: TypeAlias = Annotated[dict[str, ClaimPattern | ClaimPatterns], Meta(min_length=1, max_length=CONDITIONS_MAX)]
# The largest token that is taken (``adapters/oidc/compact.py``), and a line end.
TokenText = Annotated[str, Meta(min_length=1, max_length=20_000)]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has in common."""


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request has in common."""


class TrustRole(_Request, frozen=True):
    """A role that the trust has, on what a pattern names."""

    role: Role
    pattern: Annotated[str, Meta(min_length=1, max_length=1_100)]


class TrustChange(_Request, frozen=True):
    """What a trust asks of a token, and gives.

    ``issuer`` is an issuer's name in the settings. ``claims`` are paths with the pattern, or several of which one must
    match. ``lifetime`` is in seconds. With ``reuse`` the same token may come in more than once. ``grants`` are all
    roles that the trust has afterwards.
    """

    issuer: Annotated[str, Meta(min_length=1, max_length=64)]
    audience: Annotated[str, Meta(min_length=1, max_length=AUDIENCE_MAX_CHARACTERS)]
    claims: Claims
    grants: Annotated[tuple[TrustRole, ...], Meta(max_length=GRANTS_MAX)] = ()
    lifetime: Annotated[int, Meta(ge=LIFETIME_MIN, le=LIFETIME_MAX)] = LIFETIME
    reuse: bool = False
    description: Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)] = ""


class NewTrust(TrustChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trust to create."""

    name: TrustName


class TrustDocument(_Document, frozen=True):
    """A trust. ``principal`` is who comes in by it; grants and policies are given to that id."""

    name: str
    principal: str
    issuer: str
    audience: str
    claims: dict[str, tuple[str, ...]]
    grants: tuple[TrustRole, ...]
    lifetime: int
    reuse: bool
    description: str
    created: datetime
    changed: datetime


class TrustList(_Document, frozen=True):
    """All trusts."""

    trusts: tuple[TrustDocument, ...]


class TokenToTry(_Request, frozen=True):
    """A token of an issuer, to be tried on the trusts. It is not used up."""

    token: TokenText


class ConditionDocument(_Document, frozen=True):
    """One condition of a trust; ``found`` is null where the token does not have the claim as text."""

    claim: str
    wanted: tuple[str, ...]
    found: str | None
    holds: bool


class TrialDocument(_Document, frozen=True):
    """A trust tried on the token."""

    trust: str
    accepts: bool
    conditions: tuple[ConditionDocument, ...]


class TokenTrial(_Document, frozen=True):
    """What the gateway makes of a token: who it is of, why it is refused, and which trusts accept it.

    ``refused`` is empty where the token is good; ``trusts`` are those in its issuer.
    """

    refused: str = ""
    reason: str = ""
    issuer: str = ""
    subject: str = ""
    expires: datetime | None = None
    trusts: tuple[TrialDocument, ...] = ()


class SessionsToEnd(_Request, frozen=True):
    """Whose sessions and tokens end: a principal's id, or ``*`` for everybody's."""

    principal: Annotated[str, Meta(min_length=1, max_length=1_024)]
