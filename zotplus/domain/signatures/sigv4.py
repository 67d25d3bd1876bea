"""AWS Signature Version 4 as a server sees it: read the claim, look up the secret, verify.

``parse_authorization`` runs before anything is known about the caller; ``verify`` once the access key's secret is at
hand. Spec: AWS "Authenticating Requests (AWS Signature Version 4)".
"""

import hmac
from datetime import UTC, datetime

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.percent import encode
from zotplus.domain.signatures.chunk_signatures import ChunkSeed
from zotplus.domain.signatures.signing_key import SigningKey, signing_key
from zotplus.domain.signatures.sigv4_canonical import Signable, SignedRequest, canonical_request, string_to_sign
from zotplus.domain.signatures.sigv4_claim import Claim, ClaimKind, Terms, parse_authorization

__all__ = ["MAX_SKEW", "Claim", "ClaimKind", "SignedRequest", "chunk_seed", "parse_authorization", "verify"]

# Seconds. "RequestTimeTooSkewed: the difference … is too large", 15 minutes in AWS's error reference.
MAX_SKEW = 900
_HEADER = ClaimKind.HEADER
# Headers that hold secrets: never echoed in an error nor written to a log.
_SECRET_HEADERS = (
    "authorization", "cookie", "x-amz-security-token", "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
)  # fmt: skip


def verify(claim: Claim, request: Signable, secret: str, now: float) -> None:
    """Prove that the holder of ``secret`` signed ``request``; ``now`` is in seconds since the epoch.

    Raises ``CLOCK_SKEWED``, ``REQUEST_EXPIRED``, or ``SIGNATURE_MISMATCH`` whose fields are named as AWS's elements
    (``AWSAccessKeyId``, ``StringToSign``, ``SignatureProvided``, ``CanonicalRequest``) with secret headers masked.
    """
    _check_time(claim, now)
    terms = claim.terms
    canonical = canonical_request(request, terms.signed_headers, claim.payload_hash)
    to_sign = string_to_sign(canonical, claim.amz_date, terms.scope)
    if not hmac.compare_digest(_key(terms, secret).sign(to_sign), claim.signature):
        raise Problem(
            errors.SIGNATURE_MISMATCH,
            AWSAccessKeyId=claim.access_key,
            StringToSign=to_sign,
            SignatureProvided=claim.signature,
            CanonicalRequest=_without_secrets(canonical, claim),
        )


def chunk_seed(claim: Claim, secret: str) -> ChunkSeed:
    """Where the chain of chunk signatures of a verified aws-chunked request begins."""
    terms = claim.terms
    return ChunkSeed(key=_key(terms, secret), timestamp=claim.amz_date, scope=terms.scope, signature=claim.signature)


def _key(terms: Terms, secret: str) -> SigningKey:
    return signing_key(secret, terms.date, terms.region, terms.service)


def _check_time(claim: Claim, now: float) -> None:
    if claim.kind is _HEADER:
        if abs(now - claim.timestamp) > MAX_SKEW:
            raise _skewed(claim, now, "")
        return
    if claim.timestamp - now > MAX_SKEW:
        raise _skewed(claim, now, "The request is not valid yet.")
    until = claim.timestamp + claim.expires
    if now > until:
        raise Problem(
            errors.REQUEST_EXPIRED, Expires=_iso(until), ServerTime=_iso(now), **{"X-Amz-Expires": str(claim.expires)}
        )


def _skewed(claim: Claim, now: float, detail: str) -> Problem:
    return Problem(
        errors.CLOCK_SKEWED,
        detail,
        RequestTime=claim.amz_date,
        ServerTime=_iso(now),
        MaxAllowedSkewMilliseconds=MAX_SKEW * 1000,
    )


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_secrets(canonical: str, claim: Claim) -> str:
    lines = []
    for line in canonical.split("\n"):
        name, colon, _ = line.partition(":")
        lines.append(f"{name}:***" if colon and name in _SECRET_HEADERS else line)
    masked = "\n".join(lines)
    if claim.session_token:
        masked = masked.replace(encode(claim.session_token, keep_slash=False), "***")
    return masked
