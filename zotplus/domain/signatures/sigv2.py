"""AWS Signature Version 2, which boto3 still uses for presigned links in us-east-1; behind a switch of the gateway.

It is weaker than version 4: SHA-1, no host, and only some query parameters are signed. So a parameter that it neither
signs nor that is known to be harmless is refused here, or a link to upload an object could lock it.

Spec: Amazon S3 Developer Guide, "Signing and Authenticating REST Requests" (Signature Version 2).
"""

import base64
import hmac
import re
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from zotplus.domain import errors
from zotplus.domain.dates import parse_basic_date, parse_http_date
from zotplus.domain.errors import Problem
from zotplus.domain.percent import normalize_path, wire_bytes
from zotplus.domain.signatures.sigv4 import MAX_SKEW
from zotplus.domain.signatures.sigv4_canonical import Signable, query_pairs
from zotplus.domain.signatures.sigv4_claim import ClaimKind

# "The subresources that must be included when constructing the CanonicalizedResource element", and those that
# botocore adds to the list.
_SIGNED_PARAMETERS = frozenset({
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
    "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment",
    "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "select", "select-type", "storageClass", "tagging",
    "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
})  # fmt: skip
# Never signed, and they change nothing but what part of a listing is shown.
_HARMLESS_PARAMETERS = frozenset({
    "AWSAccessKeyId", "Expires", "Signature", "bucket-region", "continuation-token", "delimiter", "encoding-type",
    "fetch-owner", "key-marker", "list-type", "marker", "max-buckets", "max-keys", "max-parts", "max-uploads",
    "part-number-marker", "prefix", "start-after", "upload-id-marker", "version-id-marker",
})  # fmt: skip
_STANDARD_HEADERS = ("content-md5", "content-type")
_QUERY_FIELDS = ("AWSAccessKeyId", "Expires", "Signature")
_QUERY_MARKERS = frozenset({"AWSAccessKeyId", "Signature"})
_SECURITY_TOKEN = "x-amz-security-token"  # noqa: S105 - the name of a header
# Seconds since the epoch for the next thousands of years.
_MAX_EXPIRES_DIGITS = 12

_is_access_key = re.compile(r"[!-+\-.0-9;-~]{1,128}").fullmatch
_is_signature = re.compile(r"[A-Za-z0-9+/]{27}=").fullmatch  # base64 of 20 bytes


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An unverified version 2 signature; ``expires`` (a link) and ``timestamp`` (a header) in epoch seconds.

    ``date`` is the text that stands for the date in the string to sign.
    """

    kind: ClaimKind
    access_key: str
    signature: str
    date: str
    timestamp: int = 0
    expires: int = 0
    session_token: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """How the request was addressed: the path before the bucket (``/s3``), and the bucket if the host names it.

    Clients sign ``/bucket/key`` whatever the prefix, but for the list of buckets, where they sign the prefix itself.
    It must not be the name of a bucket.
    """

    prefix: str = ""
    bucket: str | None = None


def parse_authorization(request: Signable) -> Claim | None:
    """The request's version 2 claim, or None. Raises ``CREDENTIALS_AMBIGUOUS``, ``CREDENTIALS_MALFORMED``."""
    values = request.headers.getall("authorization", [])
    pairs = query_pairs(request.raw_query)
    names = [name for name, _ in pairs]
    if not _QUERY_MARKERS.isdisjoint(names):
        if values or "X-Amz-Signature" in names or any(names.count(name) > 1 for name in _QUERY_FIELDS):
            raise Problem(errors.CREDENTIALS_AMBIGUOUS)
        return _parse_query({name: unquote(value) for name, value in pairs})
    if len(values) > 1:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS)
    if not values or not values[0].startswith("AWS "):
        return None
    return _parse_header(request, values[0])


def verify(claim: Claim, request: Signable, secret: str, now: float, address: Address) -> None:
    """Prove that the holder of ``secret`` signed ``request``; ``now`` is in seconds since the epoch.

    Raises ``CLOCK_SKEWED``, ``REQUEST_EXPIRED``, ``ACCESS_DENIED`` (a parameter that is not signed) and
    ``SIGNATURE_MISMATCH``.
    """
    if claim.kind is ClaimKind.PRESIGNED and now > claim.expires:
        raise Problem(errors.REQUEST_EXPIRED, Expires=claim.expires)
    if claim.kind is ClaimKind.HEADER and abs(now - claim.timestamp) > MAX_SKEW:
        raise Problem(errors.CLOCK_SKEWED, MaxAllowedSkewMilliseconds=MAX_SKEW * 1000)
    pairs = query_pairs(request.raw_query)
    _refuse_unsigned_parameters([name for name, _ in pairs])
    head = _string_head(claim, request, pairs if claim.kind is ClaimKind.PRESIGNED else [])
    key = secret.encode("utf-8", "surrogatepass")
    matched = False
    for resource in _resources(request, address):
        raw = hmac.digest(key, wire_bytes(head + resource), "sha1")
        matched |= hmac.compare_digest(base64.b64encode(raw), claim.signature.encode())
    if not matched:
        raise Problem(errors.SIGNATURE_MISMATCH, AWSAccessKeyId=claim.access_key, SignatureProvided=claim.signature)


def _parse_query(parameters: dict[str, str]) -> Claim:
    for name in _QUERY_FIELDS:
        if name not in parameters:
            raise _malformed(f"The query parameter {name} is missing.")
    expires = parameters["Expires"]
    if not (expires.isascii() and expires.isdigit()) or len(expires) > _MAX_EXPIRES_DIGITS:
        raise _malformed("Expires must be a number of seconds since the epoch.")
    _check_form(parameters["AWSAccessKeyId"], parameters["Signature"])
    return Claim(
        kind=ClaimKind.PRESIGNED,
        access_key=parameters["AWSAccessKeyId"],
        signature=parameters["Signature"],
        date=expires,
        expires=int(expires),
        session_token=parameters.get(_SECURITY_TOKEN),
    )


def _parse_header(request: Signable, value: str) -> Claim:
    access_key, _, signature = value[len("AWS ") :].partition(":")
    _check_form(access_key, signature)
    amazon = request.headers.getall("x-amz-date", [])
    dates = amazon or request.headers.getall("date", [])
    if len(dates) != 1:
        raise Problem(errors.ACCESS_DENIED, "A signed request needs one valid Date or x-amz-date header.")
    timestamp = parse_http_date(dates[0])
    if timestamp is None:
        timestamp = parse_basic_date(dates[0])
    if timestamp is None:
        raise Problem(errors.ACCESS_DENIED, "A signed request needs one valid Date or x-amz-date header.")
    return Claim(
        kind=ClaimKind.HEADER,
        access_key=access_key,
        signature=signature,
        date="" if amazon else dates[0],  # x-amz-date is signed among the other Amazon headers
        timestamp=timestamp,
        session_token=request.headers.get(_SECURITY_TOKEN),
    )


def _check_form(access_key: str, signature: str) -> None:
    if _is_access_key(access_key) is None or _is_signature(signature) is None:
        raise _malformed("The access key id or the signature is not in its form.")


def _refuse_unsigned_parameters(names: list[str]) -> None:
    for name in names:
        if name not in _SIGNED_PARAMETERS and name not in _HARMLESS_PARAMETERS and not _is_signed_header(name):
            raise Problem(
                errors.ACCESS_DENIED,
                "There is a query parameter that signature version 2 does not sign.",
                Name=name[:128],
            )


def _is_signed_header(lower_name: str) -> bool:
    return lower_name in _STANDARD_HEADERS or lower_name.startswith("x-amz-")


def _string_head(claim: Claim, request: Signable, pairs: list[tuple[str, str]]) -> str:
    """All of the string to sign but the resource. Links carry signed headers in the query."""
    hoisted = {name: unquote(value).strip() for name, value in pairs if _is_signed_header(name)}
    fields: dict[str, str] = {}
    for name in {name.lower() for name in request.headers}:
        if _is_signed_header(name):
            fields[name] = ",".join([value.strip() for value in request.headers.getall(name, [])])
    for name, value in hoisted.items():
        if fields.setdefault(name, value) != value:
            raise Problem(errors.REQUEST_INVALID, f"The header {name} is also in the query, with another value.")
    standard = [fields.pop(name, "") for name in _STANDARD_HEADERS]
    amazon = "".join([f"{name}:{value}\n" for name, value in sorted(fields.items())])
    return "\n".join([request.method, *standard, claim.date, amazon])


def _resources(request: Signable, address: Address) -> Iterator[str]:
    """The spellings in which clients sign one resource; all of them name nothing else."""
    path = normalize_path(request.raw_path)
    inner = path.removeprefix(address.prefix) if f"{path}/".startswith(f"{address.prefix}/") else path
    if address.bucket is not None:
        paths = [f"/{address.bucket}{inner or '/'}"]
    elif inner in ("", "/"):
        paths = ["/", path]
    elif inner.count("/") == 1:
        paths = [inner, f"{inner}/"]  # botocore signs a bucket with a slash that it does not send
    else:
        paths = [inner]
    for query in dict.fromkeys(
        [_signed_query(request.raw_query, bare=False), _signed_query(request.raw_query, bare=True)]
    ):
        for spelling in paths:
            yield spelling + query


def _signed_query(raw_query: str, *, bare: bool) -> str:
    """The signed parameters with decoded values; ``bare`` leaves out the ``=`` of an empty value, as Go clients do."""
    found = []
    for part in raw_query.split("&"):
        for name, value in query_pairs(part):
            if name in _SIGNED_PARAMETERS:
                found.append((name, f"{name}={unquote(value)}" if value or ("=" in part and not bare) else name))
    return "?" + "&".join([text for _, text in sorted(found)]) if found else ""


def _malformed(detail: str) -> Problem:
    return Problem(errors.CREDENTIALS_MALFORMED, detail)
