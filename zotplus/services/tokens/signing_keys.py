"""The keys that sign the gateway's own tokens: made, sealed, rotated, one set for all workers."""

import secrets
import time
from itertools import pairwise
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.ports.tokens import TokenSigner
from zotplus.records.sealed import Reseal
from zotplus.services.lookups import Clock

KEY_PREFIX = b"T"
KEY_STOP = b"U"
"""Signing keys are the table ``T`` of the keyspace (``records.layout`` has the others): ``T <key id>``."""


class _StoredKey(msgspec.Struct, frozen=True, array_like=True):
    """A signing key at rest. ``version`` is 1; ``created`` in epoch seconds."""

    version: int
    created: float
    sealed: bytes


class SigningKeys:
    """Signs and verifies; the newest key signs, older ones verify for as long as what they signed may live.

    ``kept`` is that time in seconds: the longest lifetime of a token.
    """

    def __init__(
        self, store: KeyValue, sealing: Sealing, signer: TokenSigner, kept: float, *, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._signer = signer
        self._kept = kept
        self._clock = clock
        self._keys: dict[str, bytes] = {}
        self._created: dict[str, float] = {}
        self._current = ""

    async def sign(self, claims: dict[str, Any]) -> str:
        """A token with ``claims``. Raises ``STORAGE_FAILED``, ``STORAGE_FULL`` where the first key must be made."""
        if not self._current:
            await self._load_or_make()
        return self._signer.sign(self._current, self._keys[self._current], claims)

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of ``token``, whose signature holds. Raises ``TOKEN_INVALID``."""
        key_id = self._signer.key_id(token)
        if key_id not in self._keys:
            await self._load()
        if key_id not in self._keys:
            raise Problem(errors.TOKEN_INVALID, "The token names a key that this server does not have.")
        return self._signer.verify(token, self._keys[key_id])

    def recognises(self, token: str, issuer: str) -> bool:
        """Whether ``token`` could be signed here and says that it is of ``issuer``; nothing is verified."""
        return self._signer.recognises(token, issuer)

    async def rotate(self) -> str:
        """Sign with a new key from now on; its id. Keys of which no token can live any more are dropped."""
        pem = self._signer.generate()
        kept_since = self._clock() - self._kept

        def change(transaction: Transaction) -> None:
            stored = _stored_keys(transaction)
            oldest_first = sorted(stored, key=lambda key_id: stored[key_id].created)
            # a key signs until its successor comes, so it is the successor's age that counts
            for key_id, successor in pairwise(oldest_first):
                if stored[successor].created < kept_since:
                    transaction.delete(KEY_PREFIX + key_id.encode())
            self._put(transaction, pem)

        await self._store.write(change)
        await self._load()
        return self._current

    async def rotate_if_older(self, seconds: float) -> str:
        """Rotate where the newest key has signed for ``seconds``; the new key's id, empty where it was not due."""
        await self._load()
        if not self._current or self._clock() - self._created[self._current] < seconds:
            return ""
        return await self.rotate()

    async def published(self) -> tuple[dict[str, str], ...]:
        """The public keys as JSON Web Keys, newest first. Spec: RFC 7517, 5."""
        if not self._current:
            await self._load_or_make()
        await self._load()
        newest_first = sorted(self._keys, key=lambda key_id: -self._created[key_id])
        return tuple(self._signer.public(key_id, self._keys[key_id]) for key_id in newest_first)

    async def _load_or_make(self) -> None:
        await self._load()
        if self._current:
            return
        pem = self._signer.generate()

        def first(transaction: Transaction) -> None:
            if not _stored_keys(transaction):  # another worker may have been faster
                self._put(transaction, pem)

        await self._store.write(first)
        await self._load()

    def _put(self, transaction: Transaction, pem: bytes) -> None:
        key_id = secrets.token_hex(8)
        sealed = self._sealing.seal(pem, KEY_PREFIX + key_id.encode())
        stored = _StoredKey(1, self._clock(), sealed)
        transaction.put(KEY_PREFIX + key_id.encode(), msgspec.msgpack.encode(stored))

    async def _load(self) -> None:
        stored = await self._store.read(_stored_keys)
        self._keys = {
            key_id: self._keys.get(key_id) or self._sealing.open(key.sealed, KEY_PREFIX + key_id.encode())
            for key_id, key in stored.items()
        }
        self._created = {key_id: key.created for key_id, key in stored.items()}
        self._current = max(stored, key=lambda key_id: stored[key_id].created, default="")


def with_sealed_again(value: bytes, reseal: Reseal) -> bytes:
    """A stored key, sealed by ``reseal``; see ``records.sealed``."""
    try:
        stored = msgspec.msgpack.decode(value, type=_StoredKey)
    except msgspec.DecodeError as problem:
        raise Problem(errors.STORAGE_FAILED, "A signing key of the token server is damaged.") from problem
    return msgspec.msgpack.encode(msgspec.structs.replace(stored, sealed=reseal(stored.sealed)))


def _stored_keys(snapshot: Snapshot) -> dict[str, _StoredKey]:
    """All signing keys by key id. A damaged one stops everything: nothing is signed or accepted then."""
    try:
        return {
            name[len(KEY_PREFIX) :].decode(): msgspec.msgpack.decode(value, type=_StoredKey)
            for name, value in snapshot.scan(KEY_PREFIX, KEY_STOP)
        }
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Problem(errors.STORAGE_FAILED, "A signing key of the token server is damaged.") from problem
