"""Who signed a request of the query protocol, whose body the signature covers.

Spec: AWS "Authenticating Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac
import time
from urllib.parse import unquote

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.sigv4 import Claim, ClaimKind, parse_authorization, verify
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead


def is_signed_for(head: RequestHead, service: str) -> bool:
    """Whether the request says that it is signed for ``service``; what it says is verified elsewhere."""
    if "Authorization" in head.headers:
        return f"/{service}/aws4_request" in head.headers["Authorization"]
    return f"/{service}/aws4_request" in unquote(head.raw_query)


async def signer(context: Context, body: bytes, service: str) -> Principal:
    """Who signed the request for ``service``; the context's principal from here on.

    Raises the credentials' problems, ``CREDENTIALS_MISSING`` for nobody.
    """
    head = context.head
    claim = parse_authorization(head, service=service)
    if claim is None:
        raise Problem(errors.CREDENTIALS_MISSING)
    principal, secret = await context.services.callers.signer(claim.access_key, claim.session_token)
    verify(_with_payload(claim, body), head, secret, time.time())
    context.principal = principal
    return principal


def _with_payload(claim: Claim, body: bytes) -> Claim:
    """``claim`` over the body that came: there are no unsigned payloads. Raises ``CONTENT_SHA256_MISMATCH``."""
    actual = hashlib.sha256(body).hexdigest()
    is_unsaid = not claim.payload_hash or (claim.kind is ClaimKind.PRESIGNED and claim.payload_hash == UNSIGNED_PAYLOAD)
    if is_unsaid:
        return msgspec.structs.replace(claim, payload_hash=actual)
    if not hmac.compare_digest(claim.payload_hash.lower(), actual):
        raise Problem(errors.CONTENT_SHA256_MISMATCH)
    return claim
