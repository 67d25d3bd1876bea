"""One token, one exchange: whoever copies a token from a log comes too late.

Spec: RFC 7519, 4.1.7 (``jti``); RFC 8725, 3 (best practices).
"""

import hashlib
import time

from zotplus.ports.identity import TokenFault, TokenRefused, VerifiedToken
from zotplus.ports.keyvalue import KeyValue
from zotplus.records.issued import forget_exchanged, put_exchanged
from zotplus.services.lookups import Clock, milliseconds

LEEWAY_SECONDS = 600.0
"""A token is remembered this much longer than it lives: twice the largest leeway for an issuer's clock."""
TOKEN_ID_MAX_CHARACTERS = 1_024
BATCH = 1_000
"""Tokens forgotten in one transaction: some milliseconds."""


class Replays:
    """Tokens that were exchanged, once for all workers and all ways of exchange."""

    def __init__(self, store: KeyValue, *, clock: Clock = time.time) -> None:
        self._store = store
        self._clock = clock

    async def once(self, verified: VerifiedToken) -> None:
        """Use the token up. Raises ``TokenRefused`` where it was, or where it has no id to know it by."""
        token_id = verified.claims.get("jti")
        if not isinstance(token_id, str) or not 0 < len(token_id) <= TOKEN_ID_MAX_CHARACTERS:
            why = "The token has no id (jti), so that a second use would not be seen; the trust does not allow reuse."
            raise TokenRefused(TokenFault.UNIDENTIFIED, why, issuer=verified.name)
        parts = (verified.issuer.encode(errors="surrogatepass"), token_id.encode(errors="surrogatepass"))
        digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
        until_ms = milliseconds(verified.expires + LEEWAY_SECONDS)
        if not await self._store.write(lambda transaction: put_exchanged(transaction, digest, until_ms)):
            why = f"The token {token_id!r:.200} was exchanged before."
            raise TokenRefused(TokenFault.REPLAYED, why, issuer=verified.name)

    async def forget(self) -> int:
        """Forget tokens that have ended; how many. For the janitor."""
        now_ms = milliseconds(self._clock())
        count = 0
        while True:
            forgotten = await self._store.write(lambda transaction: forget_exchanged(transaction, now_ms, BATCH))
            count += forgotten
            if forgotten < BATCH:
                return count
