"""What a token must say, its signature aside: whose it is, for whom, and when.

Spec: RFC 7519, 4.1; OpenID Connect Core 1.0, 3.1.3.7 (validation of ID tokens); RFC 9068, 4 (of access tokens);
RFC 8725, 3 (best practices).
"""

import math
from typing import Any

from zotplus.adapters.oidc.compact import Unverified
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.ports.identity import TokenFault, TokenRefused

AUDIENCES_MAX = 64
"""Audiences of one token at most; honest ones have a handful."""

PAYLOAD_TYPES = frozenset({"bearer", "id", "jwt"})
"""Keycloak says in the claim ``typ`` what a token is for; refresh, offline and logout tokens are not for us."""


def require_algorithm(token: Unverified, issuer: IssuerSettings) -> None:
    """Refuse an algorithm that the settings do not name, ``none`` and HMAC among them. Raises ``TokenRefused``."""
    if token.algorithm not in issuer.algorithms:
        raise TokenRefused(
            TokenFault.ALGORITHM, f"The algorithm {token.algorithm!r:.40} is not accepted.", issuer=issuer.name
        )


def require_claims(token: Unverified, issuer: IssuerSettings, now: float) -> float:
    """Check everything that the claims say about the token itself; return when it expires. Raises ``TokenRefused``."""
    try:
        _require_kind(token.claims)
        _require_audience(token.claims, issuer)
        return require_times(token.claims, issuer.leeway, now)
    except TokenRefused as refused:
        refused.issuer = issuer.name
        raise


def require_times(claims: dict[str, Any], leeway: float, now: float) -> float:
    """Check ``exp``, ``nbf`` and ``iat``; return ``exp``. Raises ``TokenRefused``."""
    expires = _time(claims, "exp")
    if expires is None:
        raise TokenRefused(TokenFault.CLAIMS, "The token never expires (it has no exp).")
    if now >= expires + leeway:
        raise TokenRefused(TokenFault.EXPIRED, f"The token expired {now - expires:.0f} s ago.")
    for name in ("nbf", "iat"):
        begins = _time(claims, name)
        if begins is not None and begins > now + leeway:
            raise TokenRefused(TokenFault.NOT_YET_VALID, f"The token's {name} is {begins - now:.0f} s ahead.")
    return expires


def _require_kind(claims: dict[str, Any]) -> None:
    kind = claims.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in PAYLOAD_TYPES:
        raise TokenRefused(TokenFault.TYPE, f"The token is for something else ({kind!r:.80}).")
    if claims.get("cnf") is not None:
        raise TokenRefused(TokenFault.BOUND, "The token is bound to a key (cnf), whose proof is not looked at here.")


def _require_audience(claims: dict[str, Any], issuer: IssuerSettings) -> None:
    named = claims.get("aud")
    listed = named if isinstance(named, list) else [named]
    audiences = [audience for audience in listed if isinstance(audience, str)]
    if len(listed) > AUDIENCES_MAX or len(audiences) != len(listed):
        raise TokenRefused(TokenFault.AUDIENCE, "The token has no audience, or one that is no text.")
    if set(audiences).isdisjoint(issuer.audiences):
        raise TokenRefused(TokenFault.AUDIENCE, f"The token is for {', '.join(audiences)!r:.200}.")
    _require_client(claims, issuer, is_shared=len(set(audiences)) > 1)


def _require_client(claims: dict[str, Any], issuer: IssuerSettings, *, is_shared: bool) -> None:
    """The authorised party: asked for where the audience alone does not tell, or where the settings name clients."""
    client = claims.get("azp")
    if client is not None and not isinstance(client, str):
        raise TokenRefused(TokenFault.AUTHORIZED_PARTY, "The token's azp is no text.")
    if not client and (is_shared or issuer.clients):
        raise TokenRefused(TokenFault.AUTHORIZED_PARTY, "The token does not say which client it was made for (azp).")
    if client and issuer.clients and client not in issuer.clients:
        raise TokenRefused(TokenFault.AUTHORIZED_PARTY, f"The token was made for the client {client!r:.200}.")


def _time(claims: dict[str, Any], name: str) -> float | None:
    """Seconds since the epoch. Spec: RFC 7519, 2 (NumericDate)."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(TokenFault.CLAIMS, f"The token's {name} is no time.")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds < _LATEST:
        raise TokenRefused(TokenFault.CLAIMS, f"The token's {name} is no time in seconds.")
    return seconds


_LATEST = 100_000_000_000
"""Seconds since the epoch, year 5138: beyond it a number is no time in seconds but a mistake (milliseconds)."""
