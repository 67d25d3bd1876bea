"""S3's XML as a client reads and writes it."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.connection import Answer
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Fault, Problem

# Several faults share one S3 code; these are what a client means by it.
_PREFERRED = {
    "AccessDenied": errors.ACCESS_DENIED,
    "BadDigest": errors.CHECKSUM_MISMATCH,
    "InternalError": errors.INTERNAL_ERROR,
    "InvalidArgument": errors.ARGUMENT_INVALID,
    "InvalidRequest": errors.REQUEST_INVALID,
    "NoSuchBucket": errors.BUCKET_NOT_FOUND,
    "NoSuchKey": errors.OBJECT_NOT_FOUND,
    "NotImplemented": errors.OPERATION_UNKNOWN,
    "ServiceUnavailable": errors.SHUTTING_DOWN,
    "SignatureDoesNotMatch": errors.SIGNATURE_MISMATCH,
}
REQUEST_ID = "x-amz-request-id"
"""What every answer of S3 carries, and nothing else does."""
_error_root = re.compile(rb"\s*(?:<\?xml[^>]{0,200}\?>)?\s*<Error[ >]").match
# A parser would turn a bare carriage return into a line feed (XML 1.0 section 2.11).
_BREAKS = {"\r": "&#xD;"}
# HEAD has no body, so the status must say it.
_BY_STATUS = {
    400: errors.REQUEST_INVALID,
    401: errors.CREDENTIALS_MISSING,
    403: errors.ACCESS_DENIED,
    404: errors.OBJECT_NOT_FOUND,
    412: errors.PRECONDITION_FAILED,
    416: errors.RANGE_UNSATISFIABLE,
    500: errors.INTERNAL_ERROR,
    502: errors.SLOW_DOWN,
    503: errors.SLOW_DOWN,
    504: errors.SLOW_DOWN,
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A listed object; ``modified`` is as the server writes it (ISO 8601).

    In a list of versions ``version`` is the id, ``is_latest`` says which one readers get, and ``is_marker`` that it is
    a delete marker.
    """

    key: str
    size: int
    modified: str
    etag: str
    version: str = ""
    is_latest: bool = False
    is_marker: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing; ``token`` continues it, empty on the last one."""

    entries: tuple[Entry, ...]
    prefixes: tuple[str, ...]
    token: str


def is_error(body: bytes) -> bool:
    """Whether a document says that the operation failed, whatever its status is."""
    return _error_root(body) is not None


def parse(body: bytes, expected: str) -> ET.Element:
    """The root ``expected``, with namespaces taken off every name. Raises ``ANSWER_UNEXPECTED``."""
    if b"<!DOCTYPE" in body:
        raise Problem(faults.ANSWER_UNEXPECTED, "The answer is no S3 document.")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a DOCTYPE there are no entities to expand
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Problem(faults.ANSWER_UNEXPECTED, "The answer is no XML.") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != expected:
        raise Problem(faults.ANSWER_UNEXPECTED, f"The answer is no {expected}.")
    return root


def text(element: ET.Element, name: str) -> str:
    """The content of the child ``name``; empty when there is none."""
    return element.findtext(name) or ""


def problem_of(answer: Answer, *, bucket: str = "", key: str = "") -> Problem:
    """The problem in an answer of the S3 face."""
    fields: dict[str, str | int] = {name: value for name, value in (("bucket", bucket), ("key", key)) if value}
    fields["request_id"] = answer.headers.get(REQUEST_ID, "")
    named = CATALOGUE.get(answer.headers.get("X-Zotplus-Fault", ""))
    if not answer.body:
        fault = named or _BY_STATUS.get(answer.status, faults.ANSWER_UNEXPECTED)
        if fault is errors.OBJECT_NOT_FOUND and not key:
            fault = errors.BUCKET_NOT_FOUND
        return Problem(fault, "", **fields)
    root = parse(answer.body, "Error")
    code = text(root, "Code")
    if not code:
        return Problem(faults.ANSWER_UNEXPECTED, f"It answers {answer.status} without an S3 error.", **fields)
    fields["request_id"] = text(root, "RequestId") or fields["request_id"]
    fault = named or fault_of(code, answer.status)
    return Problem(fault, _detail(fault, text(root, "Detail") or text(root, "Message")), **fields)


def problem_of_row(row: ET.Element) -> Problem:
    """The problem in an ``<Error>`` of DeleteObjects' answer."""
    fault = fault_of(text(row, "Code"), errors.REQUEST_INVALID.status)
    return Problem(fault, _detail(fault, text(row, "Detail") or text(row, "Message")))


def _detail(fault: Fault, told: str) -> str:
    """What ``told`` adds to the catalogue's own sentence; nothing where it is Amazon's wording of the same."""
    from zotplus.protocols.s3.wire_errors import message  # noqa: PLC0415 - only needed when something went wrong

    return "" if told == message(Problem(fault)) else told


def fault_of(code: str, status: int) -> Fault:
    """The catalogue's row for an S3 error code; by status for codes that this server does not use."""
    from zotplus.protocols.s3.wire_errors import WIRE  # noqa: PLC0415 - only needed when something went wrong

    if code in _PREFERRED:
        return _PREFERRED[code]
    for fault, (name, _) in WIRE.items():
        if name == code:
            return fault
    return _BY_STATUS.get(status, errors.REQUEST_INVALID)


def base64_text(content: bytes) -> str:
    """``content`` as digests stand in headers."""
    return base64.b64encode(content).decode()


def page(body: bytes) -> Page:
    """A page of ListObjectsV2 that was asked for with ``encoding-type=url``. Raises ``ANSWER_UNEXPECTED``."""
    root = parse(body, "ListBucketResult")
    token = text(root, "NextContinuationToken") if text(root, "IsTruncated") == "true" else ""
    return Page(entries=_entries(root, {"Contents"}), prefixes=_prefixes(root), token=token)


def version_page(body: bytes) -> tuple[Page, tuple[tuple[str, str], ...]]:
    """A page of ListObjectVersions, and the query that asks for the next one. Raises as ``page``."""
    root = parse(body, "ListVersionsResult")
    found = Page(entries=_entries(root, {"Version", "DeleteMarker"}), prefixes=_prefixes(root), token="")
    if text(root, "IsTruncated") != "true":
        return found, ()
    after = [("key-marker", unquote_plus(text(root, "NextKeyMarker")))]
    version = text(root, "NextVersionIdMarker")
    return found, (*after, ("version-id-marker", version)) if version else (*after,)


def _entries(root: ET.Element, names: set[str]) -> tuple[Entry, ...]:
    try:
        return tuple(_entry(row) for row in root if row.tag in names)
    except ValueError as error:
        raise Problem(faults.ANSWER_UNEXPECTED, "The listing holds a size that is no number.") from error


def _entry(row: ET.Element) -> Entry:
    is_marker = row.tag == "DeleteMarker"
    return Entry(
        key=unquote_plus(text(row, "Key")),
        size=0 if is_marker else int(text(row, "Size")),
        modified=text(row, "LastModified"),
        etag=text(row, "ETag").strip('"'),
        version=text(row, "VersionId"),
        is_latest=text(row, "IsLatest") == "true",
        is_marker=is_marker,
    )


def _prefixes(root: ET.Element) -> tuple[str, ...]:
    return tuple(unquote_plus(text(row, "Prefix")) for row in root.findall("CommonPrefixes"))


def deletion(keys: Iterable[str]) -> bytes:
    """The body of DeleteObjects that only tells of failures."""
    rows = "".join(f"<Object><Key>{escape(key, _BREAKS)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>true</Quiet>{rows}</Delete>".encode()


def completion(parts: Iterable[tuple[int, str]]) -> bytes:
    """The body of CompleteMultipartUpload, from numbers and quoted ETags."""
    rows = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>" for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
