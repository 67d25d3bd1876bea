"""Signed tokens: JSON Web Tokens under a key of our own."""

from collections.abc import Mapping
from typing import Any, Protocol


class TokenSigner(Protocol):
    """Makes keys, signs and verifies. One algorithm only, which no token can choose."""

    def generate(self) -> bytes:
        """Make a private key, in a form that ``sign`` and ``verify`` take; it is a secret."""
        ...

    def sign(self, key_id: str, key: bytes, claims: Mapping[str, Any]) -> str:
        """Make a compact JWS of ``claims`` whose header has ``alg``, ``typ`` and ``kid`` = ``key_id``."""
        ...

    def key_id(self, token: str) -> str:
        """The ``kid`` that ``token`` names, unverified.

        Raises ``TOKEN_INVALID`` for anything but a token that ``sign`` could have made: another ``alg``, or a header
        that brings a key along (``jwk``, ``jku``, ``x5c``, ``x5u``) or ``crit``.
        """
        ...

    def verify(self, token: str, key: bytes) -> dict[str, Any]:
        """The claims of ``token`` if ``key`` signed it; their times and audience are the caller's to check.

        Raises ``TOKEN_INVALID``.
        """
        ...

    def public(self, key_id: str, key: bytes) -> dict[str, str]:
        """The public part of ``key`` as a JSON Web Key with ``kid``, ``alg`` and ``use``. Spec: RFC 7517, 4."""
        ...

    def recognises(self, token: str, issuer: str) -> bool:
        """Whether ``token`` has a header that ``sign`` could have made, and claims to be of ``issuer`` (``iss``).

        Nothing is verified and nothing raised.
        """
        ...
