"""Which encryption an object gets, its key, and how that key is wrapped and opened again.

Every encrypted object has a random key of its own, whatever the scheme: SSE-S3 wraps it under a key of the registry's
ring, SSE-KMS under a named key of the ring or of a key service, SSE-C under the customer's key, which is never kept.

Spec: Amazon S3 User Guide, "Protecting data with server-side encryption"; "Using server-side encryption with
customer-provided keys"; "Setting default server-side encryption behavior for Amazon S3 buckets".
"""

import base64
import hashlib
import secrets

import msgspec

from zotplus.domain import errors
from zotplus.domain.encryption.schemes import CUSTOMER_KEY_BYTES, SSE_C, SSE_KMS, SSE_S3, SSE_S3_KEY
from zotplus.domain.errors import Problem
from zotplus.ports.ciphers import Ciphers
from zotplus.ports.keyring import KeyRing
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import EncryptionRecord
from zotplus.services.encryption.content_keys import ContentKey, new_content_key
from zotplus.services.values import Protection

SSE_S3_PROTECTION = Protection(scheme=SSE_S3)
DEFAULT_KMS_KEY = "s3-default"
"""The KMS key where a request names none, as ``aws/s3`` is Amazon's."""
_NONCE_BYTES = 12
_CUSTOMER = b"zotplus customer key"


class Rings(msgspec.Struct, frozen=True):
    """What wraps: ``own`` for SSE-S3, ``kms`` for SSE-KMS (often the same); ``ciphers`` encrypt the content."""

    own: KeyRing
    kms: KeyRing
    ciphers: Ciphers


class Encryption:
    """Encryption over key rings; without ``rings`` there is none, and who asks for it is refused.

    ``scheme`` is the encryption of what nobody says anything about: empty or SSE-S3.
    """

    def __init__(self, rings: Rings | None = None, *, scheme: str = "", kms_key: str = DEFAULT_KMS_KEY) -> None:
        self._rings = rings
        self._scheme = scheme
        self._kms_key = kms_key

    def choose(self, bucket: BucketRecord, asked: Protection | None) -> Protection | None:
        """What new content of the bucket gets: what was asked for, the bucket's default, the server's, in this order.

        The key of SSE-KMS is always named in it.
        """
        chosen = asked or _default_of(bucket) or (SSE_S3_PROTECTION if self._scheme else None)
        if chosen is not None and chosen.scheme == SSE_KMS and not chosen.key_id:
            default = bucket.encryption
            named = default.key_id if default is not None and default.scheme == SSE_KMS else ""
            return msgspec.structs.replace(chosen, key_id=named or self._kms_key)
        return chosen

    def guarded_key(self, protection: Protection | None) -> str:
        """The KMS key whose use takes a right of its own, empty where none does: the default key is everybody's."""
        if protection is None or protection.scheme != SSE_KMS or protection.key_id == self._kms_key:
            return ""
        return protection.key_id

    async def begin(self, chosen: Protection | None) -> tuple[ContentKey, EncryptionRecord] | None:
        """A new object's key and how it is wrapped; None where it is not to be encrypted.

        Raises ``ENCRYPTION_UNSUPPORTED`` (``HEADER_CRYPTO_UNSUPPORTED``), and what ``KeyRing.wrap`` does.
        """
        if chosen is None:
            return None
        key = new_content_key(self._require_rings().ciphers)
        return key, await self.wrap(key, chosen)

    async def check(self, record: EncryptionRecord | None, customer_key: bytes) -> None:
        """Refuse a customer's key that is missing, wrong, or that nobody asked for. Raises as ``open``."""
        check_customer_key(record, customer_key)
        if record is not None and record.scheme == SSE_C:
            await self.open(record, customer_key)

    async def wrap(self, key: ContentKey, chosen: Protection, detail: bytes = b"") -> EncryptionRecord:
        """``key`` wrapped as ``chosen`` says; ``detail`` are the ids of the streams."""
        rings = self._require_rings()
        if chosen.scheme == SSE_C:
            return EncryptionRecord(scheme=SSE_C, wrapped=self._lock(key.secret, chosen.customer_key), detail=detail)
        if chosen.scheme == SSE_S3:
            wrapped = await rings.own.wrap(SSE_S3_KEY, key.secret, b"")
            return EncryptionRecord(scheme=SSE_S3, wrapped=wrapped, detail=detail)
        key_id = chosen.key_id or self._kms_key
        return EncryptionRecord(
            scheme=SSE_KMS,
            key_id=key_id,
            wrapped=await rings.kms.wrap(key_id, key.secret, chosen.context.encode()),
            context=chosen.context,
            bucket_key=chosen.bucket_key,
            detail=detail,
        )

    async def open(self, record: EncryptionRecord, customer_key: bytes) -> ContentKey:
        """The key of an object that was stored.

        Raises ``ENCRYPTION_KEY_MISSING``, ``ENCRYPTION_KEY_WRONG``, ``ENCRYPTION_KEY_UNWANTED`` by the customer's key,
        ``HEADER_CRYPTO_UNSUPPORTED`` without rings, and what ``KeyRing.unwrap`` does.
        """
        check_customer_key(record, customer_key)
        rings = self._require_rings()
        if record.scheme == SSE_C:
            return ContentKey(rings.ciphers, self._unlock(record.wrapped, customer_key))
        if record.scheme == SSE_S3:
            secret = await rings.own.unwrap(SSE_S3_KEY, record.wrapped, b"")
        else:
            secret = await rings.kms.unwrap(record.key_id, record.wrapped, record.context.encode())
        return ContentKey(rings.ciphers, secret)

    async def wrapped_anew(self, record: EncryptionRecord) -> EncryptionRecord | None:
        """The record under the newest version of its wrapping key; None where it is already, and for SSE-C."""
        rings = self._require_rings()
        if record.scheme == SSE_C:
            return None
        ring, key_id = (rings.own, SSE_S3_KEY) if record.scheme == SSE_S3 else (rings.kms, record.key_id)
        if await ring.is_current(key_id, record.wrapped):
            return None
        secret = await ring.unwrap(key_id, record.wrapped, record.context.encode())
        wrapped = await ring.wrap(key_id, secret, record.context.encode())
        return msgspec.structs.replace(record, wrapped=wrapped)

    def _lock(self, secret: bytes, customer_key: bytes) -> bytes:
        if len(customer_key) != CUSTOMER_KEY_BYTES:
            raise Problem(errors.ENCRYPTION_KEY_MISSING)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._require_rings().ciphers(customer_key).encrypt(nonce, secret, _CUSTOMER)

    def _unlock(self, wrapped: bytes, customer_key: bytes) -> bytes:
        cipher = self._require_rings().ciphers(customer_key)
        try:
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _CUSTOMER)
        except Problem as problem:
            raise Problem(errors.ENCRYPTION_KEY_WRONG) from problem

    def _require_rings(self) -> Rings:
        if self._rings is None:
            raise Problem(errors.HEADER_CRYPTO_UNSUPPORTED)
        return self._rings


def check_customer_key(record: EncryptionRecord | None, customer_key: bytes) -> None:
    """Refuse a customer's key that is missing, or that nobody asked for.

    Raises ``ENCRYPTION_KEY_MISSING``, ``ENCRYPTION_KEY_UNWANTED``.
    """
    if record is not None and record.scheme == SSE_C:
        if len(customer_key) != CUSTOMER_KEY_BYTES:
            raise Problem(errors.ENCRYPTION_KEY_MISSING)
    elif customer_key:
        raise Problem(errors.ENCRYPTION_KEY_UNWANTED)


def hides_digest(record: EncryptionRecord | None) -> bool:
    """Whether the ETag must say nothing about the content (S3 API Reference, "Object": ETag)."""
    return record is not None and record.scheme != SSE_S3


def key_md5(customer_key: bytes) -> str:
    """Base64 of a customer key's MD5, by which S3 tells keys apart (no protection: the key is random)."""
    return base64.b64encode(hashlib.md5(customer_key, usedforsecurity=False).digest()).decode()


def _default_of(bucket: BucketRecord) -> Protection | None:
    default = bucket.encryption
    if default is None:
        return None
    return Protection(scheme=default.scheme, key_id=default.key_id, bucket_key=default.bucket_key)


UNENCRYPTED = Encryption()
"""For services that are to encrypt nothing."""
