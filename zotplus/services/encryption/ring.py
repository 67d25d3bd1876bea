"""The key ring of this registry: wrapping keys with versions, sealed in the store under the master key.

A wrapped key is ``1 | version of the wrapping key (4) | nonce (12) | ciphertext (32) | tag (16)``; the key's id and the
caller's context are authenticated with it. Spec: NIST SP 800-38D, 8.2.2 and 8.3 (random 96-bit nonces: at most 2^32
values under one version; rotate long before).
"""

import secrets
import time
from collections import OrderedDict

import msgspec

from zotplus.domain import errors
from zotplus.domain.encryption.framing import KEY_BYTES, Cipher
from zotplus.domain.errors import Problem
from zotplus.ports.ciphers import Ciphers
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records import layout
from zotplus.records.encryption.ring_keys import RingKeyRecord, RingVersionRecord, find_ring_key, put_ring_key
from zotplus.services.lookups import Clock, now_ms

_FORM = b"\x01"
_NUMBER_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_FORM) + _NUMBER_BYTES
_WRAPPED_BYTES = _HEAD_BYTES + _NONCE_BYTES + KEY_BYTES + 16
_OPEN_KEYS = 256  # unsealed versions that a process remembers


class LocalKeyRing:
    """See ``KeyRing``. Keys whose ids are in ``makes`` come into being when they first wrap."""

    def __init__(
        self,
        store: KeyValue,
        sealing: Sealing,
        ciphers: Ciphers,
        *,
        makes: frozenset[str] = frozenset(),
        clock: Clock = time.time,
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._ciphers = ciphers
        self._makes = makes
        self._clock = clock
        self._open: OrderedDict[bytes, Cipher] = OrderedDict()

    async def wrap(self, key_id: str, key: bytes, context: bytes) -> bytes:
        """See ``KeyRing.wrap``."""
        record = await self._usable(key_id, may_make=True)
        number = len(record.versions) - 1
        head = _FORM + number.to_bytes(_NUMBER_BYTES, "big")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._cipher(key_id, record.versions[number])
        return head + nonce + cipher.encrypt(nonce, key, _bound(key_id, context, head))

    async def unwrap(self, key_id: str, wrapped: bytes, context: bytes) -> bytes:
        """See ``KeyRing.unwrap``."""
        record = await self._usable(key_id)
        head, rest = wrapped[:_HEAD_BYTES], wrapped[_HEAD_BYTES:]
        number = _version_of(wrapped)
        if len(wrapped) != _WRAPPED_BYTES or number >= len(record.versions):
            raise Problem(errors.BLOB_CORRUPT, "The wrapped key of an object cannot be read.")
        cipher = self._cipher(key_id, record.versions[number])
        return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(key_id, context, head))

    async def is_current(self, key_id: str, wrapped: bytes) -> bool:
        """See ``KeyRing.is_current``."""
        record = await self._usable(key_id)
        return _version_of(wrapped) == len(record.versions) - 1

    async def _usable(self, key_id: str, *, may_make: bool = False) -> RingKeyRecord:
        record = await self._store.read(lambda snapshot: find_ring_key(snapshot, key_id))
        if record is None and may_make and key_id in self._makes:
            record = await self._store.write(lambda transaction: self._make(transaction, key_id))
        if record is None:
            raise Problem(errors.KMS_KEY_NOT_FOUND, key_id=key_id)
        if record.disabled:
            raise Problem(errors.KMS_KEY_DISABLED, key_id=key_id)
        return record

    def _make(self, transaction: Transaction, key_id: str) -> RingKeyRecord:
        found = find_ring_key(transaction, key_id)
        if found is not None:
            return found
        record = new_ring_key(self._sealing, key_id, now_ms(self._clock))
        put_ring_key(transaction, key_id, record)
        return record

    def _cipher(self, key_id: str, version: RingVersionRecord) -> Cipher:
        found = self._open.get(version.sealed)
        if found is None:
            found = self._ciphers(self._sealing.open(version.sealed, layout.ring_key(key_id)))
            self._open[version.sealed] = found
            if len(self._open) > _OPEN_KEYS:
                self._open.popitem(last=False)
        return found


def new_ring_key(sealing: Sealing, key_id: str, created_ms: int, description: str = "") -> RingKeyRecord:
    """A key with its first version."""
    version = _new_version(sealing, key_id, created_ms)
    return RingKeyRecord(created_ms=created_ms, versions=(version,), description=description)


def with_new_version(sealing: Sealing, key_id: str, record: RingKeyRecord, created_ms: int) -> RingKeyRecord:
    """The key with one more version, which wraps from now on."""
    versions = (*record.versions, _new_version(sealing, key_id, created_ms))
    return msgspec.structs.replace(record, versions=versions)


def _new_version(sealing: Sealing, key_id: str, created_ms: int) -> RingVersionRecord:
    sealed = sealing.seal(secrets.token_bytes(KEY_BYTES), layout.ring_key(key_id))
    return RingVersionRecord(created_ms=created_ms, sealed=sealed)


def _version_of(wrapped: bytes) -> int:
    return int.from_bytes(wrapped[len(_FORM) : _HEAD_BYTES], "big")


def _bound(key_id: str, context: bytes, head: bytes) -> bytes:
    return b"zotplus wrapped key\0" + head + key_id.encode() + b"\0" + context
