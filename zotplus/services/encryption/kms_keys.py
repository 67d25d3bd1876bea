"""The keys of the registry's own ring, as administrators see them: made, rotated, disabled and enabled again.

A key is never deleted: what it wraps would be lost with it. Disabled, it neither wraps nor unwraps.
"""

import time
from collections.abc import Callable

import msgspec

from zotplus.domain import errors
from zotplus.domain.encryption.schemes import SSE_S3_KEY, read_key_id
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records.encryption.ring_keys import RingKeyRecord, find_ring_key, put_ring_key, ring_keys
from zotplus.services.encryption.ring import new_ring_key, with_new_version
from zotplus.services.lookups import Clock, now_ms


class KmsKey(msgspec.Struct, frozen=True, kw_only=True):
    """A wrapping key without its secrets; ``rotated`` is when its newest version was made (epoch seconds)."""

    id: str
    created: float
    rotated: float
    versions: int
    enabled: bool
    description: str


class KmsKeys:
    """The ring's keys. ``is_elsewhere`` says that those of SSE-KMS are in a key service, where they are managed."""

    def __init__(
        self, store: KeyValue, sealing: Sealing, *, is_elsewhere: bool = False, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._is_elsewhere = is_elsewhere
        self._clock = clock

    async def list(self) -> tuple[KmsKey, ...]:
        """All keys by id; the one of SSE-S3 is ``sse:s3``, and there once something was encrypted."""
        found = await self._store.read(ring_keys)
        return tuple([_key(key_id, record) for key_id, record in found.items()])

    async def create(self, key_id: str, description: str = "") -> KmsKey:
        """A new key. Raises ``RECORD_EXISTS``, ``ARGUMENT_INVALID``, ``REQUEST_INVALID`` where keys are elsewhere."""
        read_key_id(key_id)
        if self._is_elsewhere:
            detail = "The keys of SSE-KMS are in the key service (kms.vault): make it there."
            raise Problem(errors.REQUEST_INVALID, detail)

        def insert(transaction: Transaction) -> KmsKey:
            if find_ring_key(transaction, key_id) is not None:
                raise Problem(errors.RECORD_EXISTS, f"There is a key {key_id} already.", key_id=key_id)
            record = new_ring_key(self._sealing, key_id, now_ms(self._clock), description)
            put_ring_key(transaction, key_id, record)
            return _key(key_id, record)

        return await self._store.write(insert)

    async def rotate(self, key_id: str) -> KmsKey:
        """A new version wraps from now on; the earlier ones open what they wrapped. Raises ``KMS_KEY_NOT_FOUND``."""
        return await self._change(
            key_id, lambda record: with_new_version(self._sealing, key_id, record, now_ms(self._clock))
        )

    async def enable(self, key_id: str, *, enabled: bool) -> KmsKey:
        """Let the key be used, or not. Raises ``KMS_KEY_NOT_FOUND``, ``ARGUMENT_INVALID`` for the key of SSE-S3."""
        if key_id == SSE_S3_KEY:
            raise Problem(errors.ARGUMENT_INVALID, "The key of SSE-S3 cannot be disabled.", argument="id")
        return await self._change(key_id, lambda record: msgspec.structs.replace(record, disabled=not enabled))

    async def _change(self, key_id: str, change: Callable[[RingKeyRecord], RingKeyRecord]) -> KmsKey:
        def rewrite(transaction: Transaction) -> KmsKey:
            record = find_ring_key(transaction, key_id)
            if record is None:
                raise Problem(errors.KMS_KEY_NOT_FOUND, key_id=key_id)
            changed = change(record)
            put_ring_key(transaction, key_id, changed)
            return _key(key_id, changed)

        return await self._store.write(rewrite)


def _key(key_id: str, record: RingKeyRecord) -> KmsKey:
    return KmsKey(
        id=key_id,
        created=record.created_ms / 1000,
        rotated=record.versions[-1].created_ms / 1000,
        versions=len(record.versions),
        enabled=not record.disabled,
        description=record.description,
    )
