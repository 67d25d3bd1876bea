"""What a request says about checksums, read and made consistent.

Spec: Amazon S3 API, PutObject, UploadPart, CreateMultipartUpload; the details are AWS's own, as its clients show them.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, ChecksumType, is_value

_PREFIX = "x-amz-checksum-"
_BY_HEADER = {algorithm.header: algorithm for algorithm in ChecksumAlgorithm}
# Headers with the prefix that carry no value.
_OTHERS = frozenset({"x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode"})
_SDK_ALGORITHM = "x-amz-sdk-checksum-algorithm"


class ChecksumClaim(msgspec.Struct, frozen=True, kw_only=True):
    """The checksum that an upload comes with: ``value`` in base64, None where it follows in the trailer."""

    algorithm: ChecksumAlgorithm
    value: str | None


class MultipartChecksum(msgspec.Struct, frozen=True, kw_only=True):
    """How the checksum of a multipart object is made."""

    algorithm: ChecksumAlgorithm
    type: ChecksumType


def parse_checksum(headers: Headers, *, composite: bool = False) -> ChecksumClaim | None:
    """The checksum of an upload, or None. ``composite`` admits a number of parts after the value.

    Raises ``REQUEST_INVALID`` for several checksums, unknown algorithms, unreadable values, a trailer that is no
    checksum, and an ``x-amz-sdk-checksum-algorithm`` that names another one or nothing that is there.
    """
    claims = [*_header_claims(headers, composite=composite), *_trailer_claims(headers)]
    if len(claims) > 1:
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    named = headers.get(_SDK_ALGORITHM)
    if named is None:
        return claims[0] if claims else None
    algorithm = _algorithm(named)
    if algorithm is None or (claims and claims[0].algorithm is not algorithm):
        raise _invalid(f"Value for {_SDK_ALGORITHM} header is invalid.")
    if not claims:
        raise _invalid(
            f"{_SDK_ALGORITHM} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        )
    return claims[0]


def announced_trailers(headers: Headers) -> tuple[str, ...]:
    """The lower-case names in ``x-amz-trailer``: none, or one checksum's. Raises ``REQUEST_INVALID``."""
    names = [
        name
        for value in headers.getall("x-amz-trailer", [])
        for name in [part.strip(" \t").lower() for part in value.split(",")]
        if name
    ]
    if len(names) > 1:
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if names and names[0] not in _BY_HEADER:
        raise _invalid("The value specified in the x-amz-trailer header is not supported")
    return tuple(names)


def check_trailer_value(algorithm: ChecksumAlgorithm, value: str) -> None:
    """Raises ``REQUEST_INVALID`` unless the trailer's value is base64 of the right length."""
    if not is_value(algorithm, value):
        raise _invalid(f"Value for {algorithm.header} trailing header is invalid.")


def parse_algorithm(headers: Headers) -> ChecksumAlgorithm | None:
    """The ``x-amz-checksum-algorithm`` that a copy or an upload is to be kept with. Raises ``REQUEST_INVALID``."""
    text = headers.get("x-amz-checksum-algorithm")
    if text is None:
        return None
    algorithm = _algorithm(text)
    if algorithm is None:
        known = ", ".join(ChecksumAlgorithm)
        raise _invalid(
            f"Checksum algorithm provided is unsupported. Please try again with any of the valid types: [{known}]"
        )
    return algorithm


def parse_type(headers: Headers) -> ChecksumType | None:
    """``x-amz-checksum-type``, or None. Raises ``REQUEST_INVALID``."""
    text = headers.get("x-amz-checksum-type")
    if text is None:
        return None
    try:
        return ChecksumType(text.upper())
    except ValueError as error:
        raise _invalid("Value for x-amz-checksum-type header is invalid.") from error


def parse_multipart_checksum(headers: Headers) -> MultipartChecksum | None:
    """What CreateMultipartUpload asks for, or None. Raises ``REQUEST_INVALID`` for pairs that S3 does not have."""
    algorithm, kind = parse_algorithm(headers), parse_type(headers)
    if algorithm is None:
        if kind is not None:
            raise _invalid("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
        return None
    kind = kind or algorithm.default_type
    if not algorithm.supports(kind):
        raise _invalid(f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.")
    return MultipartChecksum(algorithm=algorithm, type=kind)


def _header_claims(headers: Headers, *, composite: bool) -> list[ChecksumClaim]:
    names = {name.lower() for name in headers if name.lower().startswith(_PREFIX)} - _OTHERS
    if len(names) > 1:
        raise _invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    claims = []
    for lower in names:
        algorithm = _BY_HEADER.get(lower)
        if algorithm is None:
            raise _invalid("The algorithm type you specified in x-amz-checksum- header is invalid.")
        values = headers.getall(lower, [])
        value = values[0] if len(values) == 1 else ""
        base, dash, count = value.partition("-")
        numbered = composite and dash and count.isascii() and count.isdigit()
        if not is_value(algorithm, base if numbered else value):
            raise _invalid(f"Value for {lower} header is invalid.")
        claims.append(ChecksumClaim(algorithm=algorithm, value=value))
    return claims


def _trailer_claims(headers: Headers) -> list[ChecksumClaim]:
    return [ChecksumClaim(algorithm=_BY_HEADER[name], value=None) for name in announced_trailers(headers)]


def _algorithm(text: str) -> ChecksumAlgorithm | None:
    try:
        return ChecksumAlgorithm(text.upper())
    except ValueError:
        return None


def _invalid(detail: str) -> Problem:
    return Problem(errors.REQUEST_INVALID, detail)
