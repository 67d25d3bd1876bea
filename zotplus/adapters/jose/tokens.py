"""JSON Web Tokens signed with ECDSA P-256 (ES256).

The algorithm is a constant of this module, never read from a token: a token that names ``none``, an HMAC, or a key of
its own is refused before any key is touched (the faults of CVE-2026-33322, CVE-2024-48916 and CVE-2025-24976). ES256
rather than EdDSA, whose JOSE name RFC 9864 deprecates.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

# joserfc is imported where it is used: 50 ms that the first token waits for, and a start does not.

ALGORITHM = "ES256"
TOKEN_MAX_CHARACTERS = 16_384
"""Longer tokens are refused unread: they would not fit into a header line (``http.max_line_bytes``)."""

_HEADER, _CLAIMS = 0, 1
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})


class JoseSigner:
    """The ``TokenSigner`` port over joserfc. Keys are PEM files in memory (PKCS #8)."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, ECKey] = {}

    def generate(self) -> bytes:
        """Make a P-256 key."""
        from joserfc.jwk import ECKey  # noqa: PLC0415 - see above

        return ECKey.generate_key("P-256").as_pem(private=True)

    def sign(self, key_id: str, key: bytes, claims: Mapping[str, Any]) -> str:
        """Sign ``claims``."""
        from joserfc import jwt  # noqa: PLC0415 - see above

        return jwt.encode({"alg": ALGORITHM, "kid": key_id}, dict(claims), self._key(key), algorithms=[ALGORITHM])

    def key_id(self, token: str) -> str:
        """Read the ``kid`` of a token with exactly our own header."""
        header = _part(token, _HEADER)
        if not set(header) <= _HEADER_NAMES:
            raise Problem(errors.TOKEN_INVALID, "The token's header names more than algorithm, type and key id.")
        if header.get("alg") != ALGORITHM or header.get("typ", "JWT") != "JWT":
            raise Problem(errors.TOKEN_INVALID, "The token is not signed with this server's algorithm.")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise Problem(errors.TOKEN_INVALID, "The token does not name its key.")
        return key_id

    def verify(self, token: str, key: bytes) -> dict[str, Any]:
        """Check the signature and return the claims."""
        from joserfc import jwt  # noqa: PLC0415 - see above
        from joserfc.errors import JoseError  # noqa: PLC0415 - see above

        self.key_id(token)
        try:
            return dict(jwt.decode(token, self._key(key), algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError, RecursionError) as problem:
            raise Problem(errors.TOKEN_INVALID, "The token's signature does not hold.") from problem

    def public(self, key_id: str, key: bytes) -> dict[str, str]:
        """The public JSON Web Key."""
        told = self._key(key).as_dict(private=False)
        wanted = {name: str(told[name]) for name in ("kty", "crv", "x", "y")}
        return {**wanted, "kid": key_id, "alg": ALGORITHM, "use": "sig"}

    def recognises(self, token: str, issuer: str) -> bool:
        """Whether it could be ours: other issuers sign with this algorithm and name their keys, too."""
        try:
            self.key_id(token)
            return _part(token, _CLAIMS).get("iss") == issuer
        except Problem:
            return False

    def _key(self, key: bytes) -> "ECKey":
        """Parse ``key``, once: parsing costs more than signing. There are as many entries as there are keys."""
        parsed = self._parsed.get(key)
        if parsed is None:
            from joserfc.jwk import ECKey  # noqa: PLC0415 - see above

            parsed = self._parsed[key] = ECKey.import_key(key)
        return parsed


def _part(token: str, index: int) -> dict[str, Any]:
    """One of three dot-separated parts, decoded."""
    if len(token) > TOKEN_MAX_CHARACTERS or token.count(".") != 2:  # noqa: PLR2004 - RFC 7515, 7.1
        raise Problem(errors.TOKEN_INVALID, "The bearer token is not a JSON Web Token.")
    encoded = token.split(".")[index]
    try:
        decoded = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return msgspec.json.decode(decoded, type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as problem:
        raise Problem(errors.TOKEN_INVALID, "The bearer token cannot be read.") from problem
