"""Tokens of other issuers: who sent this one, and does its issuer vouch for it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from zotplus.domain import errors
from zotplus.domain.claims import Identity
from zotplus.domain.errors import Problem


class VerifiedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token whose signature, issuer, audience and times hold.

    ``name`` is the issuer's in the settings. ``claims`` are all of them as JSON has them, ``expires`` is in seconds
    since the epoch, without leeway. ``identity`` is what the issuer's mapping makes of the claims. ``is_person`` says
    whether it stands for somebody by itself: else a trust must let it in.
    """

    name: str
    issuer: str
    claims: Mapping[str, Any]
    expires: float
    identity: Identity
    is_person: bool = True


class LoginOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer at which people log in, and as which client: public facts, for whoever wants to.

    ``url`` is the issuer as its tokens name it; ``scopes`` are complete; ``device`` allows the device flow (RFC 8628).
    """

    name: str
    url: str
    client_id: str
    scopes: tuple[str, ...]
    device: bool


class TokenFault(StrEnum):
    """Why a token is refused; for logs and audit, never for the client.

    ``trust``: no trust lets it in, or more than one does. ``unidentified``: it has no ``jti``, but may be used only
    once.
    """

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    ISSUER = "issuer"
    KEY = "key"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    AUTHORIZED_PARTY = "authorized_party"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BOUND = "bound"
    CLAIMS = "claims"
    TRUST = "trust"
    UNIDENTIFIED = "unidentified"
    REPLAYED = "replayed"


class TokenRefused(Problem):
    """``TOKEN_INVALID`` as the client sees it, with what an administrator needs beside it.

    ``why`` is one sentence for the log; ``issuer`` is the name in the settings, empty where none is known. All may
    hold what the token said, none the token.
    """

    def __init__(self, token_fault: TokenFault, why: str, *, issuer: str = "") -> None:
        super().__init__(errors.TOKEN_INVALID)
        self.token_fault = token_fault
        self.why = why
        self.issuer = issuer


class IssuerState(StrEnum):
    """How an issuer is.

    ``ready``; ``stale``: its keys could not be had lately and the known ones go on; ``unavailable``: none are known, so
    that its tokens wait; ``unknown``: it was not asked yet.
    """

    READY = "ready"
    STALE = "stale"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class IssuerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer for the readiness report.

    ``reason`` says why the last attempt failed, for administrators, or is empty; ``fetched`` is when its keys were
    read, in seconds since the epoch, or None.
    """

    name: str
    state: IssuerState
    reason: str = ""
    fetched: float | None = None


class TokenVerifier(Protocol):
    """Verifies tokens of the configured issuers. One per worker; it is safe to call from many tasks at once."""

    def recognises(self, token: str) -> bool:
        """Whether ``token`` is a JSON Web Token that claims to be of a configured issuer.

        Nothing is verified and nothing raised: it tells such a token from other secrets that come the same way.
        """
        ...

    def is_token(self, text: str) -> bool:
        """Whether ``text`` is a JSON Web Token that names an issuer, whichever. Nothing is verified, nothing raised."""
        ...

    async def verify(self, token: str) -> VerifiedToken:
        """What ``token`` says, once it is known to be its issuer's and for us, now.

        Raises ``TokenRefused`` (``TOKEN_INVALID``), and ``ISSUER_UNAVAILABLE`` where the issuer's keys cannot be had,
        so that the same token may be good in a moment.
        """
        ...

    def status(self) -> tuple[IssuerStatus, ...]:
        """How the issuers are, in the order of the settings. Quick; what is due is fetched behind it."""
        ...

    async def start(self) -> None:
        """Begin to fetch keys, without waiting for them."""
        ...

    async def close(self) -> None:
        """End what runs and release connections."""
        ...
