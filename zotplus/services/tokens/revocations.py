"""Tokens of our own that were ended before their time."""

import time
from collections.abc import Collection

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.access import raise_generation
from zotplus.services.federation.standing import Standing
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.lookups import Clock

_ALL = "all"


class Revocations:
    """The ids (``jti``) of revoked tokens, kept until the tokens would have ended by themselves."""

    def __init__(self, store: KeyValue, standing: Standing, *, clock: Clock = time.time) -> None:
        self._standing = standing
        self._store = store
        self._clock = clock
        self._revoked = GenerationCache(store, _load)

    async def require_valid(self, token_ids: Collection[str], principal_id: str, issued: float) -> None:
        """Raises ``TOKEN_INVALID`` where one of the tokens was revoked, in every worker from the next request on.

        A token can be revoked by itself, or with everything that was ``issued`` (seconds since the epoch) to its
        holder until some time.
        """
        await self._standing.require(principal_id, issued)
        revoked = self._revoked.peek(_ALL)
        if revoked is None:
            revoked = await self._revoked.get(_ALL)
        if not revoked.isdisjoint(token_ids):
            raise Problem(errors.TOKEN_INVALID, "The token was revoked.")

    async def revoke(self, token_id: str, expires: int) -> None:
        """End the token of this id, which ends by itself at ``expires`` (seconds since the epoch)."""
        now = int(self._clock())

        def change(transaction: Transaction) -> None:
            over = [key for key, value in _all(transaction) if int.from_bytes(value, "big") <= now]
            for key in over:
                transaction.delete(key)
            transaction.put(layout.revoked_token(token_id), expires.to_bytes(8, "big"))
            raise_generation(transaction)

        await self._store.write(change)


def _all(snapshot: Snapshot) -> list[tuple[bytes, bytes]]:
    return list(snapshot.scan(*layout.table_span(layout.REVOKED_TOKENS)))


def _load(snapshot: Snapshot, _all_of_them: str) -> frozenset[str]:
    return frozenset(key[1:].decode() for key, _ in _all(snapshot))
