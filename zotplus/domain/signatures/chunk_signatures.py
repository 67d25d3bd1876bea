"""The chain of signatures over the chunks of an aws-chunked body.

Every chunk's signature covers the one before it, beginning with the request's own. Spec: AWS "Signature Calculations
for the Authorization Header: Transferring Payload in Multiple Chunks", and its variant "Including Trailing Headers".
"""

import hmac
from hashlib import sha256

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.signatures.payloads import EMPTY_SHA256
from zotplus.domain.signatures.signing_key import SigningKey


class ChunkSeed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain begins: the derived key, the request's date and scope, and its verified signature."""

    key: SigningKey
    timestamp: str
    scope: str
    signature: str


class ChunkSignatures:
    """One walk along the chain. Chunks are hashed as they come; ``check`` ends one and raises on a forgery."""

    def __init__(self, seed: ChunkSeed) -> None:
        self._seed = seed
        self._previous = seed.signature
        self._hash = sha256()

    def update(self, data: memoryview) -> None:
        """Add payload to the chunk under way."""
        self._hash.update(data)

    def check(self, signature: str) -> None:
        """End the chunk. Raises ``BODY_CHUNK_SIGNATURE_MISMATCH``."""
        digest = self._hash.hexdigest()
        self._hash = sha256()
        self._advance("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_SHA256}\n{digest}", signature)

    def check_trailer(self, canonical: bytes, signature: str) -> None:
        """End the chain with the trailer, ``name:value`` lines. Raises ``BODY_CHUNK_SIGNATURE_MISMATCH``."""
        self._advance("AWS4-HMAC-SHA256-TRAILER", sha256(canonical).hexdigest(), signature)

    def _advance(self, kind: str, digests: str, signature: str) -> None:
        seed = self._seed
        to_sign = f"{kind}\n{seed.timestamp}\n{seed.scope}\n{self._previous}\n{digests}"
        expected = seed.key.sign(to_sign)
        if not hmac.compare_digest(expected, signature):
            raise Problem(errors.BODY_CHUNK_SIGNATURE_MISMATCH)
        self._previous = expected
