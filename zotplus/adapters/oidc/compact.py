"""A compact JSON Web Signature taken apart, before anything is verified.

Spec: RFC 7515, 7.1 (compact serialisation); RFC 8725, 3 (best practices).
"""

import binascii
import re
from base64 import urlsafe_b64decode
from typing import Any

import msgspec

from zotplus.adapters.oidc.strict_json import read_object
from zotplus.ports.identity import TokenFault, TokenRefused

TOKEN_MAX_CHARACTERS = 16_384
"""Longer tokens are refused unread. Keycloak's with a hundred roles have 4 KiB; servers stop heads at 8 to 16."""

KEY_ID_MAX_CHARACTERS = 256
"""Keycloak's have 43, Kubernetes' 43, GitHub's 36."""

FORBIDDEN_NAMES = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64", "zip", "enc"})
"""Header names that bring a key along, or change how the token is read: the key would be the sender's own choice
(CVE-2018-0114). Others that RFC 7515 lets a reader overlook are overlooked."""

TYPES = frozenset({"", "jwt", "at+jwt"})
"""Media types of ID and access tokens (RFC 7519, 5.1; RFC 9068, 2.1), ``application/`` left out. Logout tokens,
security events and proofs have others and must not be taken for them (RFC 8725, 3.11)."""

_is_compact = re.compile(r"([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]{1,})").fullmatch


class Unverified(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says before its signature was checked. ``key_id`` is empty where the header names none."""

    token: str
    algorithm: str
    key_id: str
    claims: dict[str, Any]


def take_apart(token: str) -> Unverified:
    """The parts of ``token``. Raises ``TokenRefused`` for what is no token of an acceptable form."""
    if len(token) > TOKEN_MAX_CHARACTERS:
        raise TokenRefused(TokenFault.TOO_LARGE, f"The token has more than {TOKEN_MAX_CHARACTERS} characters.")
    parts = _is_compact(token)
    if parts is None:
        raise TokenRefused(TokenFault.MALFORMED, "The token is not three parts of base64url.")
    header = _part(parts[1], "header")
    brought = sorted(FORBIDDEN_NAMES.intersection(header))
    if brought:
        raise TokenRefused(TokenFault.HEADER, f"The token's header holds {', '.join(brought)}.")
    algorithm, key_id, kind = header.get("alg"), header.get("kid", ""), header.get("typ", "")
    if not isinstance(algorithm, str):
        raise TokenRefused(TokenFault.ALGORITHM, "The token names no algorithm.")
    if not isinstance(key_id, str) or len(key_id) > KEY_ID_MAX_CHARACTERS:
        raise TokenRefused(TokenFault.HEADER, "The token's key id is no short text.")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise TokenRefused(TokenFault.TYPE, f"The token is of type {kind!r:.80}, not JWT or at+jwt.")
    return Unverified(token=token, algorithm=algorithm, key_id=key_id, claims=_part(parts[2], "claims"))


def issuer_of(token: str) -> str | None:
    """The issuer that ``token`` names, or None for anything that is no token. Never raises."""
    if not token.startswith("ey"):  # base64 of an opening brace: other secrets are told apart at once
        return None
    try:
        named = take_apart(token).claims.get("iss")
    except TokenRefused:
        return None
    return named if isinstance(named, str) else None


def _part(encoded: str, what: str) -> dict[str, Any]:
    try:
        return read_object(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError) as error:
        raise TokenRefused(TokenFault.MALFORMED, f"The token's {what} cannot be read: {error}.") from None
