"""What a request claims to be signed with (Signature Version 4): read strictly, before any secret is looked up.

Spec: AWS "Authenticating Requests: Using the Authorization Header" and "Using Query Parameters".
"""

import re
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

import msgspec

from zotplus.domain import errors
from zotplus.domain.dates import format_basic_date, parse_basic_date, parse_http_date
from zotplus.domain.errors import Fault, Problem
from zotplus.domain.signatures import payloads
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD, payload_mode
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM, SIGNATURE_PARAMETER, Signable, query_pairs

# "X-Amz-Expires: the minimum value is 1 and the maximum 604800 (seven days)", Using Query Parameters.
MAX_EXPIRES = 604_800
_MAX_EXPIRES_DIGITS = 6
# Bounds for what is kept or logged of an unverified request; real ones are far shorter.
_MAX_AUTHORIZATION = 4096
_MAX_SECURITY_TOKEN = 8192
_CREDENTIAL_PARTS = 5  # the access key and the four parts of the scope
_TERMINAL = "aws4_request"
_MAX_TERMS = 1024  # kept of as many clients, at most 4 KiB each

# Single character classes: linear. IAM's AccessKeyId type has at most 128 characters.
_is_access_key = re.compile(r"[!-+\-.0-~]{1,128}").fullmatch
_is_scope_date = re.compile(r"[0-9]{8}", re.ASCII).fullmatch
_is_scope_part = re.compile(r"[A-Za-z0-9\-_]{1,64}").fullmatch
_is_header_list = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~;]+").fullmatch
_is_signature = re.compile(r"[0-9a-f]{64}").fullmatch

_SIGNATURE = "Signature="
_HEADER_FIELDS = ("Credential", "SignedHeaders", "Signature")
_QUERY_FIELDS = (
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", SIGNATURE_PARAMETER,
)  # fmt: skip
_QUERY_TOKEN = "X-Amz-Security-Token"  # noqa: S105 - the name of a parameter
_QUERY_HASH = "X-Amz-Content-Sha256"
# Any of these makes a request a presigned one, so that a lone X-Amz-Credential is refused rather than ignored.
_QUERY_MARKERS = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", SIGNATURE_PARAMETER})
_QUERY_SINGLE = frozenset((*_QUERY_FIELDS, _QUERY_TOKEN, _QUERY_HASH))
_VERSION_2_MARKERS = frozenset({"AWSAccessKeyId", "Signature"})
# How Amazon's sentences about a credential begin; people look for them word by word.
_HEADER_OPENING = "The authorization header is malformed; "
_QUERY_OPENING = "Error parsing the X-Amz-Credential parameter; "
_ECHO = 128  # characters of a client's value that a refusal repeats


class ClaimKind(StrEnum):
    """Where the signature stands."""

    HEADER = "header"
    PRESIGNED = "presigned"


_HEADER = ClaimKind.HEADER


class Terms(msgspec.Struct, frozen=True):
    """What the signatures of one client have in common for a day: the access key, its scope, and what is signed.

    ``date`` is ``YYYYMMDD``; ``signed_headers`` lower-case and sorted; ``scope`` the credential scope, which joins
    date, region and service.
    """

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    scope: str


class Scope(msgspec.Struct, frozen=True):
    """For what a signing key is derived: ``date`` as ``YYYYMMDD``, region and service."""

    date: str
    region: str
    service: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An unverified signature and all that it says about itself.

    ``timestamp`` is in seconds since the epoch and ``amz_date`` the same as ``YYYYMMDDTHHMMSSZ``; ``expires`` seconds
    of validity, 0 for the header form; ``payload_hash`` as it stands in the canonical request, empty where another
    service than S3 left it out (it is then the SHA-256 of the body, set by the caller before ``verify``).
    """

    kind: ClaimKind
    terms: Terms
    signature: str
    timestamp: int
    amz_date: str
    payload_hash: str
    expires: int = 0
    session_token: str | None = None

    @property
    def access_key(self) -> str:
        """Who is said to have signed."""
        return self.terms.access_key


class _Accepted(msgspec.Struct, frozen=True):
    """The scope that is taken, and how a credential outside it is refused, which differs by where it stands."""

    service: str
    region: str | None
    fault: Fault = errors.CREDENTIALS_MALFORMED
    opening: str = _HEADER_OPENING

    def refusal(self, detail: str, **fields: str) -> Problem:
        return Problem(self.fault, self.opening + detail, **fields)


def parse_authorization(request: Signable, *, service: str = "s3", region: str | None = None) -> Claim | None:
    """The request's SigV4 claim, or None where it carries none (other schemes and anonymous requests).

    ``region`` is the only one accepted, None accepts any. Raises ``CREDENTIALS_AMBIGUOUS``, ``CREDENTIALS_MALFORMED``,
    ``CREDENTIALS_QUERY_MALFORMED``, ``ACCESS_DENIED`` (an ``x-amz-`` header is not signed), ``REQUEST_INVALID``,
    ``ARGUMENT_INVALID``.
    """
    values = request.headers.getall("authorization", [])
    if len(values) > 1:
        raise _ambiguous("There are several Authorization headers.")
    parameters = _query_credential(request.raw_query, alone=not values) if request.raw_query else None
    if parameters is not None:
        if values:
            raise _ambiguous("Only one of Authorization header and query signature may be used.")
        accepted = _Accepted(service, region, errors.CREDENTIALS_QUERY_MALFORMED, _QUERY_OPENING)
        return _parse_presigned(request, parameters, accepted)
    if not values or not values[0].startswith("AWS4-"):
        return None
    return _parse_header(request, values[0], (service, region))


def _query_credential(raw_query: str, *, alone: bool) -> dict[str, str] | None:
    """The parameters where the query holds a SigV4 credential; refuses two credentials and repeated parameters."""
    if "=" not in raw_query:
        return None
    pairs = query_pairs(raw_query)
    names = [name for name, _ in pairs]
    presigned = not _QUERY_MARKERS.isdisjoint(names)
    if (presigned or not alone) and not _VERSION_2_MARKERS.isdisjoint(names):
        raise _ambiguous("The query holds a version 2 signature beside another credential.")
    if not presigned:
        return None
    own = [name for name in names if name in _QUERY_SINGLE]
    if len(own) != len(set(own)):
        raise _ambiguous("A signature parameter occurs twice in the query.")
    return {name: unquote(value) for name, value in pairs if name in _QUERY_SINGLE}


def _parse_header(request: Signable, value: str, accepted: tuple[str, str | None]) -> Claim:
    said, _, signature = value.rpartition(_SIGNATURE)
    if _is_signature(signature) is None:  # the fields stand in another order, or something is wrong with them
        credential, header_list, signature = _authorization_fields(value)
        said = f"{ALGORITHM} Credential={credential}, SignedHeaders={header_list}, "
        _check_signature(signature)
    terms = header_terms(said, *accepted)
    timestamp, amz_date = _header_timestamp(request)
    if not amz_date.startswith(terms.date):
        raise _malformed("Invalid credential date. Date is not the same as X-Amz-Date.")
    _require_signed(request, terms.signed_headers, exempt="")
    return Claim(
        kind=_HEADER,
        terms=terms,
        signature=signature,
        timestamp=timestamp,
        amz_date=amz_date,
        payload_hash=_header_payload_hash(request, terms.service),
        session_token=_bounded_token(request.headers.get("x-amz-security-token")),
    )


@lru_cache(maxsize=_MAX_TERMS)
def header_terms(said: str, service: str, region: str | None) -> Terms:
    """The terms in an Authorization header, of which ``said`` is all but the signature, that stands last."""
    credential, header_list, _ = _authorization_fields(said + _SIGNATURE)
    return _read_terms(credential, header_list, _Accepted(service, region))


def _authorization_fields(value: str) -> list[str]:
    algorithm, _, rest = value.partition(" ")
    if algorithm != ALGORITHM:
        raise _malformed("The signature's algorithm must be AWS4-HMAC-SHA256.")
    if len(value) > _MAX_AUTHORIZATION:
        raise _malformed("The Authorization header is too long.")
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) != len(_HEADER_FIELDS):
        raise _malformed(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature."
        )
    for part in parts:
        if "=" not in part:
            raise _malformed(f'the authorization component "{part[:_ECHO]}" is malformed.')
    fields = dict(part.split("=", 1) for part in parts)
    for name in _HEADER_FIELDS:
        if name not in fields:
            raise _malformed(f"missing {name}.")
    return [fields[name] for name in _HEADER_FIELDS]


def _parse_presigned(request: Signable, parameters: dict[str, str], accepted: _Accepted) -> Claim:
    if not parameters.keys() >= set(_QUERY_FIELDS):
        raise _query_malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise _query_malformed(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    terms = _read_terms(parameters["X-Amz-Credential"], parameters["X-Amz-SignedHeaders"], accepted)
    signature = parameters[SIGNATURE_PARAMETER]
    _check_signature(signature)
    amz_date = parameters["X-Amz-Date"]
    timestamp = parse_basic_date(amz_date)
    if timestamp is None:
        raise _query_malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if amz_date[:8] != terms.date:
        raise _query_malformed(
            f'Invalid credential date "{terms.date}". This date is not the same as X-Amz-Date: "{amz_date[:8]}".'
        )
    # The hash has no effect but through the canonical request, so nothing is gained by sending another one.
    _require_signed(request, terms.signed_headers, exempt=payloads.HEADER)
    return Claim(
        kind=ClaimKind.PRESIGNED,
        terms=terms,
        signature=signature,
        timestamp=timestamp,
        amz_date=amz_date,
        payload_hash=_presigned_payload_hash(request, parameters.get(_QUERY_HASH)),
        expires=_parse_expires(parameters["X-Amz-Expires"]),
        session_token=_bounded_token(parameters.get(_QUERY_TOKEN)),
    )


def read_scope(credential: str) -> tuple[str, Scope]:
    """Access key and scope of a form's credential. Raises ``CREDENTIALS_MALFORMED`` with Amazon's sentence for it."""
    access_key, date, region, service = _parse_credential(credential, _Accepted("s3", None, opening=""))
    return access_key, Scope(date, region, service)


def _read_terms(credential: str, header_list: str, accepted: _Accepted) -> Terms:
    access_key, date, region, service = _parse_credential(credential, accepted)
    scope = f"{date}/{region}/{service}/{_TERMINAL}"
    return Terms(access_key, date, region, service, _parse_signed_headers(header_list), scope)


def _parse_credential(text: str, accepted: _Accepted) -> tuple[str, str, str, str]:
    """Access key, date, region and service."""
    parts = text.split("/", _CREDENTIAL_PARTS)
    if len(parts) != _CREDENTIAL_PARTS or _is_access_key(parts[0]) is None:
        raise accepted.refusal(
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    access_key, date, region, service, terminal = parts
    if terminal != _TERMINAL:
        raise accepted.refusal(f'incorrect terminal "{terminal[:_ECHO]}". This endpoint uses "{_TERMINAL}".')
    if service != accepted.service:
        raise accepted.refusal(f'incorrect service "{service[:_ECHO]}". This endpoint belongs to "{accepted.service}".')
    if _is_scope_part(region) is None:
        raise accepted.refusal("the region is not valid.")
    if accepted.region is not None and region != accepted.region:
        raise accepted.refusal(f'the region "{region}" is wrong; expecting "{accepted.region}"', Region=accepted.region)
    if _is_scope_date(date) is None:
        raise accepted.refusal(
            f'incorrect date format "{date[:_ECHO]}". This date in the credential must be in the format "yyyyMMdd".'
        )
    return access_key, date, region, service


def _check_signature(signature: str) -> None:
    if _is_signature(signature) is None:
        raise _malformed("The signature must be 64 lower-case hexadecimal digits.")


def _parse_signed_headers(text: str) -> tuple[str, ...]:
    if _is_header_list(text) is None:
        raise _malformed("SignedHeaders must be lower-case header names joined by semicolons.")
    names = text.split(";")
    if "" in names or any(before >= after for before, after in pairwise(names)):
        raise _malformed("SignedHeaders must be sorted, without repetition.")
    if "host" not in names:
        raise _malformed("The host header must be signed.")
    return tuple(names)


def _header_timestamp(request: Signable) -> tuple[int, str]:
    """Epoch seconds and basic form of ``x-amz-date``, else of ``Date``."""
    values = request.headers.getall("x-amz-date", [])
    if not values:
        values = request.headers.getall("date", [])
    if not values:
        raise Problem(errors.ACCESS_DENIED, "AWS authentication requires a valid Date or x-amz-date header.")
    if len(values) > 1:
        raise _ambiguous("The request carries its date twice.")
    epoch = parse_basic_date(values[0])
    if epoch is not None:
        return epoch, values[0]
    epoch = parse_http_date(values[0])
    if epoch is None:
        raise Problem(errors.ACCESS_DENIED, "AWS authentication requires a valid Date or x-amz-date header.")
    return epoch, format_basic_date(epoch)


def _require_signed(request: Signable, signed_headers: tuple[str, ...], *, exempt: str) -> None:
    """An unsigned ``x-amz-`` header could turn an upload into a copy: AWS refuses it, and so do we."""
    unsigned = [
        name
        for name in map(str.lower, request.headers)
        if name.startswith("x-amz-") and name not in signed_headers and name != exempt
    ]
    if unsigned:
        raise Problem(
            errors.ACCESS_DENIED,
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(sorted(set(unsigned)))[: _ECHO * 8],
        )


def _header_payload_hash(request: Signable, service: str) -> str:
    values = request.headers.getall(payloads.HEADER, [])
    if not values:
        if service == "s3":
            raise Problem(errors.REQUEST_INVALID, "Missing required header for this request: x-amz-content-sha256")
        return ""
    if len(values) > 1:
        raise Problem(errors.REQUEST_INVALID, "The header x-amz-content-sha256 occurs twice.")
    payload_mode(values[0])
    return values[0]


def _presigned_payload_hash(request: Signable, parameter: str | None) -> str:
    values = {*request.headers.getall(payloads.HEADER, [])}
    if parameter is not None:
        values.add(parameter)
    if not values:
        return UNSIGNED_PAYLOAD
    if len(values) > 1:
        raise Problem(errors.REQUEST_INVALID, "x-amz-content-sha256 is given twice with different values.")
    value = values.pop()
    if payload_mode(value).is_chunked:
        # A chunk signature chains on the Authorization header's; an unsigned one needs that header to vouch for it.
        raise Problem(errors.REQUEST_INVALID, "A presigned request cannot have an aws-chunked body.")
    return value


def _parse_expires(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise _query_malformed("X-Amz-Expires should be a number")
    if text.startswith("-"):
        raise _query_malformed("X-Amz-Expires must be non-negative")
    digits = text.lstrip("0")
    if not digits:
        raise _query_malformed("X-Amz-Expires must be at least 1 second")
    if len(digits) > _MAX_EXPIRES_DIGITS or int(digits) > MAX_EXPIRES:
        raise _query_malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds"
        )
    return int(digits)


def _bounded_token(token: str | None) -> str | None:
    if token is not None and len(token) > _MAX_SECURITY_TOKEN:
        raise _malformed("The security token is too long.")
    return token


def _malformed(detail: str) -> Problem:
    return Problem(errors.CREDENTIALS_MALFORMED, _HEADER_OPENING + detail)


def _query_malformed(detail: str) -> Problem:
    return Problem(errors.CREDENTIALS_QUERY_MALFORMED, detail)


def _ambiguous(detail: str) -> Problem:
    return Problem(errors.CREDENTIALS_AMBIGUOUS, detail)
