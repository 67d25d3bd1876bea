"""AWS Signature Version 4 as a server sees it: read the claim, look up the secret, verify.

``parse_authorization`` runs before anything is known about the caller; ``verify`` once the access key's secret is at
hand. Spec: AWS "Authenticating Requests (AWS Signature Version 4)".
"""

import hmac
from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import sha256

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.percent import encode
from zotplus.domain.signatures.chunk_signatures import ChunkSeed
from zotplus.domain.signatures.sigv4_canonical import SignedRequest, canonical_request, string_to_sign
from zotplus.domain.signatures.sigv4_claim import Claim, ClaimKind, parse_authorization

__all__ = ["MAX_SKEW", "Claim", "ClaimKind", "SignedRequest", "chunk_seed", "parse_authorization", "verify"]

# Seconds. "RequestTimeTooSkewed: the difference … is too large", 15 minutes in AWS's error reference.
MAX_SKEW = 900
# Derived keys live for one day, region and service each: enough for this many credentials at a time, 100 bytes each.
_MAX_KEYS = 4096
# Headers that hold secrets: never echoed in an error nor written to a log.
_SECRET_HEADERS = (
    "authorization", "cookie", "x-amz-security-token", "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
)  # fmt: skip


class _SigningKeys:
    """Derived keys by digest of what they derive from; the least recently used one goes first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, secret: str, date: str, region: str, service: str) -> bytes:
        """The signing key. The secret itself is not kept."""
        seed = secret.encode("utf-8", "surrogatepass")
        name = sha256(b"%b\0%b" % (f"{date}/{region}/{service}".encode(), seed)).digest()
        key = self._keys.get(name)
        if key is None:
            key = _derive(seed, date, region, service)
            if len(self._keys) >= _MAX_KEYS:
                self._keys.popitem(last=False)
            self._keys[name] = key
        else:
            self._keys.move_to_end(name)
        return key


def _derive(secret: bytes, *scope: str) -> bytes:
    key = b"AWS4" + secret
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


_signing_keys = _SigningKeys()


def signing_key(secret: str, *, date: str, region: str, service: str) -> bytes:
    """The key derived from ``secret`` for one day (``YYYYMMDD``), region and service; cached, for one thread."""
    return _signing_keys.get(secret, date, region, service)


def verify(claim: Claim, request: SignedRequest, secret: str, now: float) -> None:
    """Prove that the holder of ``secret`` signed ``request``; ``now`` is in seconds since the epoch.

    Raises ``CLOCK_SKEWED``, ``REQUEST_EXPIRED``, or ``SIGNATURE_MISMATCH`` whose fields are named as AWS's elements
    (``AWSAccessKeyId``, ``StringToSign``, ``SignatureProvided``, ``CanonicalRequest``) with secret headers masked.
    """
    _check_time(claim, now)
    canonical = canonical_request(request, claim.signed_headers, claim.payload_hash)
    to_sign = string_to_sign(canonical, claim.amz_date, claim.scope)
    key = signing_key(secret, date=claim.date, region=claim.region, service=claim.service)
    expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, claim.signature):
        raise Problem(
            errors.SIGNATURE_MISMATCH,
            AWSAccessKeyId=claim.access_key,
            StringToSign=to_sign,
            SignatureProvided=claim.signature,
            CanonicalRequest=_without_secrets(canonical, claim),
        )


def chunk_seed(claim: Claim, secret: str) -> ChunkSeed:
    """Where the chain of chunk signatures of a verified aws-chunked request begins."""
    key = signing_key(secret, date=claim.date, region=claim.region, service=claim.service)
    return ChunkSeed(key=key, timestamp=claim.amz_date, scope=claim.scope, signature=claim.signature)


def _check_time(claim: Claim, now: float) -> None:
    if claim.kind is ClaimKind.HEADER:
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
