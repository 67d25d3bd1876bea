"""Encryption in headers: what a writer asks for, the customer's keys, and what is told of an object.

Spec: Amazon S3 API Reference, PutObject, GetObject, CopyObject, CreateMultipartUpload, UploadPart
(``x-amz-server-side-encryption-…``); User Guide, "Using server-side encryption with customer-provided keys".
"""

import base64
import binascii
import hmac

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.encryption.schemes import CUSTOMER_KEY_BYTES, SSE_C, SSE_KMS, SSE_S3, read_key_id
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.protocols.s3.request import Request, argument_invalid
from zotplus.services.encryption.encryption import key_md5
from zotplus.services.values import Copy, PartSource, Protection, Selection

SSE = "x-amz-server-side-encryption"
KEY_ID = f"{SSE}-aws-kms-key-id"
CONTEXT = f"{SSE}-context"
BUCKET_KEY = f"{SSE}-bucket-key-enabled"
CUSTOMER = f"{SSE}-customer-"
COPY_SOURCE_CUSTOMER = "x-amz-copy-source-server-side-encryption-customer-"
CUSTOMER_HEADERS = CUSTOMER
"""What the headers of operations begin with that only need a customer's key (``When.headers``)."""

AES256 = "AES256"
KMS = "aws:kms"
_SCHEMES = {AES256: SSE_S3, KMS: SSE_KMS}
_NAMES = {scheme: name for name, scheme in _SCHEMES.items()}
_CONTEXT_LIMIT = 8192  # AWS KMS Developer Guide, "Encryption context": what a request may carry
# Amazon's sentences
_INCOMPATIBLE = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
_NEEDS_KMS = (
    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
)
_BY_CUSTOMER = "Requests specifying Server Side Encryption with Customer provided keys must "

Pairs = tuple[tuple[str, str], ...]


def read_protection(request: Request) -> Protection | None:
    """The encryption that a writer asks for, None where it says nothing.

    Raises ``ARGUMENT_INVALID``, ``ENCRYPTION_ALGORITHM_INVALID``, ``OPERATION_UNKNOWN`` for dual-layer encryption, and
    ``REQUEST_INVALID`` for a customer's key over plain HTTP.
    """
    customer_key = read_customer_key(request)
    asked = request.header(SSE)
    if customer_key:
        if asked is not None:
            raise argument_invalid(SSE, asked, _INCOMPATIBLE)
        return Protection(scheme=SSE_C, customer_key=customer_key)
    if asked == "aws:kms:dsse":
        raise Problem(errors.OPERATION_UNKNOWN, "Dual-layer encryption (aws:kms:dsse) is not implemented.", Header=SSE)
    if asked is not None and asked not in _SCHEMES:
        raise argument_invalid(SSE, asked, "The encryption method specified is not supported")
    if asked == KMS:
        return _by_kms(request)
    for name in (KEY_ID, CONTEXT, BUCKET_KEY):
        value = request.header(name)
        if value is not None and not (name == BUCKET_KEY and value.lower() == "false"):
            raise argument_invalid(SSE, asked or "", _NEEDS_KMS)
    return None if asked is None else Protection(scheme=SSE_S3)


def _by_kms(request: Request) -> Protection:
    key_id, bucket_key = request.header(KEY_ID), (request.header(BUCKET_KEY) or "false").lower()
    if bucket_key not in ("true", "false"):
        raise argument_invalid(BUCKET_KEY, bucket_key, "The value is true or false.")
    return Protection(
        scheme=SSE_KMS,
        key_id=read_key_id(key_id) if key_id else "",
        context=_context(request.header(CONTEXT)),
        bucket_key=bucket_key == "true",
    )


def _context(text: str | None) -> str:
    """The encryption context as JSON in one form only. Raises ``ARGUMENT_INVALID``."""
    if text is None:
        return ""
    try:
        found = msgspec.json.decode(base64.b64decode(text[:_CONTEXT_LIMIT], validate=True), type=dict[str, str])
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        detail = (
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which "
            "represents a string-string map"
        )
        raise argument_invalid(CONTEXT, "", detail) from error
    return msgspec.json.encode(dict(sorted(found.items()))).decode() if found else ""


def read_customer_key(request: Request, prefix: str = CUSTOMER) -> bytes:
    """The customer's key that a request brings, empty where it brings none. It is never part of a message.

    Raises ``ARGUMENT_INVALID``, ``ENCRYPTION_ALGORITHM_INVALID``, ``REQUEST_INVALID`` over plain HTTP.
    """
    algorithm, key, digest = (request.header(prefix + name) for name in ("algorithm", "key", "key-md5"))
    if algorithm is None and key is None and digest is None:
        return b""
    if algorithm is None:
        raise argument_invalid(prefix + "algorithm", "", _BY_CUSTOMER + "provide a valid encryption algorithm.")
    if algorithm != AES256:
        raise Problem(errors.ENCRYPTION_ALGORITHM_INVALID)
    if not key:
        raise argument_invalid(prefix + "key", "", _BY_CUSTOMER + "provide an appropriate secret key.")
    if not digest:
        detail = _BY_CUSTOMER + "provide the client calculated MD5 of the secret key."
        raise argument_invalid(prefix + "key-MD5", "", detail)
    if request.head.scheme != "https" and not request.site.takes_keys_over_http:
        raise Problem(errors.REQUEST_INVALID, _BY_CUSTOMER + "be made over a secure connection.")
    return _proven(key, digest, prefix)


def _proven(key: str, digest: str, prefix: str) -> bytes:
    try:
        secret = base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != CUSTOMER_KEY_BYTES:
        raise argument_invalid(prefix + "key", "", "The secret key was invalid for the specified algorithm.")
    if not hmac.compare_digest(key_md5(secret).encode(), digest.strip().encode(errors="surrogateescape")):
        detail = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise argument_invalid(prefix + "key-MD5", "", detail)
    return secret


def encryption_headers(held: Protection | None, asked: Protection | None) -> Pairs:
    """What the answer to a write tells of the encryption: as the object has it, with what the writer ``asked`` for."""
    return protection_headers(held, b"" if asked is None else asked.customer_key, with_context=True)


def protection_headers(
    protection: Protection | None, customer_key: bytes = b"", *, with_context: bool = False
) -> Pairs:
    """What is told of an object's encryption; ``with_context`` as the answers to writes have it."""
    if protection is None:
        return ()
    if protection.scheme == SSE_C:
        if not customer_key:
            return ((CUSTOMER + "algorithm", AES256),)
        return ((CUSTOMER + "algorithm", AES256), (CUSTOMER + "key-MD5", key_md5(customer_key)))
    if protection.scheme == SSE_S3:
        return ((SSE, AES256),)
    told = [(SSE, KMS), (KEY_ID, protection.key_id)]
    if protection.bucket_key:
        told.append((BUCKET_KEY, "true"))
    if with_context and protection.context:
        told.append((CONTEXT, base64.b64encode(protection.context.encode()).decode()))
    return tuple(told)


async def settled(context: Context, bucket: str, asked: Protection | None) -> Protection | None:
    """What a new object of the bucket gets, if the caller may use its key.

    Raises ``ACCESS_DENIED``, ``BUCKET_NOT_FOUND``.
    """
    encryption = context.services.encryption
    chosen = encryption.choose(await context.services.documents.bucket(bucket), asked)
    _require(context, chosen, actions.KMS_GENERATE_DATA_KEY.name)
    return chosen


async def require_source(context: Context, copy: Copy | PartSource) -> None:
    """Refuse a copy from a KMS key that the caller may not use. Raises ``ACCESS_DENIED``; the rest the copy tells."""
    if isinstance(copy, Copy):
        address, version = copy.source, copy.source_version
    else:
        address, version = (copy.bucket, copy.key), copy.version
    try:
        info = await context.services.objects.head(*address, Selection(version=version, keyless=True))
    except Problem:
        return
    require_readable(context, info.attributes.protection)


def require_readable(context: Context, protection: Protection | None) -> None:
    """Refuse content under a KMS key that the caller may not use. Raises ``ACCESS_DENIED``."""
    _require(context, protection, actions.KMS_DECRYPT.name)


def _require(context: Context, protection: Protection | None, action: str) -> None:
    key_id = context.services.encryption.guarded_key(protection)
    if key_id:
        require(context, Need(action, f"kms:{key_id}"))
