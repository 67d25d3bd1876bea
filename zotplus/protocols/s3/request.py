"""What every S3 operation reads from a request's head: the address, the query, and headers that must not be ignored.

The key is decoded here, once, from the raw path; authorisation and storage see the same text.
"""

import re
from enum import StrEnum

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import errors, percent
from zotplus.domain.copysource import CopySource, parse_copy_source
from zotplus.domain.errors import Problem
from zotplus.domain.names import check_bucket_name, check_key
from zotplus.gateway.head import RequestHead

QUERY_LIMIT = 64
"""Parameters of one request; the largest real ones (presigned, listing) have about 20."""
_MAX_NUMBER_DIGITS = 10
_ECHO = 128  # characters of a client's value that a refusal repeats


class Level(StrEnum):
    """What a path names."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a face is: path ``prefix`` (``/s3`` or empty), ``domain`` of virtual hosts, ``region`` it reports.

    ``takes_keys_over_http`` says whether customers' encryption keys may come without TLS; ``classes`` are the storage
    classes that have a store of their own.
    """

    prefix: str
    domain: str | None
    region: str
    takes_keys_over_http: bool = False
    classes: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A head with its address taken apart. ``bucket`` and ``key`` are empty where the path names none."""

    head: RequestHead
    site: Site
    bucket: str
    key: str
    query: dict[str, str]

    @property
    def level(self) -> Level:
        """What the path names."""
        if self.key:
            return Level.OBJECT
        return Level.BUCKET if self.bucket else Level.SERVICE

    def header(self, name: str) -> str | None:
        """The one value of header ``name``, or None. Raises ``ARGUMENT_INVALID`` where it occurs twice."""
        values = self.head.headers.getall(name, [])
        if len(values) > 1:
            raise argument_invalid(name, "", "The header occurs twice.")
        return values[0] if values else None


def argument_invalid(name: str, value: str, detail: str) -> Problem:
    """A refusal of header or parameter ``name``; ``value`` is cut to what is worth showing."""
    return Problem(errors.ARGUMENT_INVALID, detail, ArgumentName=name, ArgumentValue=value[:_ECHO])


def read_request(head: RequestHead, site: Site) -> Request:
    """Take address and query apart.

    Raises ``PATH_INVALID``, ``BUCKET_NAME_INVALID``, ``KEY_TOO_LONG``, ``ARGUMENT_INVALID``.
    """
    raw_bucket, raw_key = _locate(head, site)
    bucket, key = percent.decode(raw_bucket), percent.decode(raw_key)
    if bucket:
        check_bucket_name(bucket)
        if key:
            check_key(key)
    elif key:
        raise Problem(errors.BUCKET_NAME_INVALID, bucket="")
    query = read_query(head.raw_query) if head.raw_query else {}
    return Request(head=head, site=site, bucket=bucket, key=key, query=query)


_LINK_MARKERS = ("X-Amz-Signature=", "Signature=")
_OF_CREDENTIALS = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
# SDKs put the checksum of no content at all into links to upload; Amazon takes checksums from headers only.
_NEVER_IN_LINKS = ("x-amz-checksum-", "x-amz-sdk-", "x-amz-trailer", "x-amz-decoded-")


def with_headers_of_link(head: RequestHead) -> RequestHead:
    """``head`` with the ``x-amz-`` headers that a presigned link carries in its query, where the signature covers them.

    SDKs move them there, so that whoever has the link need not know them. Raises ``ARGUMENT_INVALID`` where the request
    has the header with another value. Spec: Amazon S3 API Reference, "Using Query Parameters"; AWS SDKs, ``hoisting``.
    """
    if "x-amz-" not in head.raw_query or not any(marker in head.raw_query for marker in _LINK_MARKERS):
        return head
    headers = CIMultiDict(head.headers)
    for name, value in read_query(head.raw_query).items():
        if not name.startswith("x-amz-") or name in _OF_CREDENTIALS or name.startswith(_NEVER_IN_LINKS):
            continue
        if "-customer-" in name:
            raise argument_invalid(name, "", "A customer's encryption key is no part of a link, which others log.")
        if headers.setdefault(name, value) != value:
            raise argument_invalid(name, value, "The header has another value than in the link.")
    return msgspec.structs.replace(head, headers=CIMultiDictProxy(headers))


def _locate(head: RequestHead, site: Site) -> tuple[str, str]:
    """Bucket and key as they stand in the path, still encoded."""
    path = head.raw_path
    if site.prefix:
        if path != site.prefix and not path.startswith(site.prefix + "/"):
            raise Problem(errors.ROUTE_NOT_FOUND)
        path = path[len(site.prefix) :]
    if path and path[0] != "/":
        raise Problem(errors.PATH_INVALID, "The request's target is not a path.")
    if site.domain is not None and (host_bucket := bucket_of_host(head.headers.get("Host", ""), site.domain)):
        return host_bucket, path[1:]
    raw_bucket, _, raw_key = path[1:].partition("/")
    return raw_bucket, raw_key


def bucket_of_host(host: str, domain: str) -> str:
    """The bucket in a virtual host ``bucket.domain[:port]``; empty where ``host`` is none."""
    name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host.lower()
    suffix = "." + domain.lower()
    return name[: -len(suffix)] if name.endswith(suffix) else ""


def read_query(raw_query: str) -> dict[str, str]:
    """Parameters by name, decoded, with ``+`` as a space. Raises ``ARGUMENT_INVALID``: too many, or one twice."""
    parts = [part for part in raw_query.split("&") if part]
    if len(parts) > QUERY_LIMIT:
        raise Problem(errors.ARGUMENT_INVALID, "The query has too many parameters.")
    query: dict[str, str] = {}
    for part in parts:
        raw_name, _, raw_value = part.partition("=")
        name, value = percent.decode(raw_name.replace("+", " ")), percent.decode(raw_value.replace("+", " "))
        if name in query:
            raise argument_invalid(name, value, "The query parameter occurs twice.")
        if "\0" in value:
            raise argument_invalid(name, "", "The query parameter holds a NUL.")
        query[name] = value
    return query


def number(query: dict[str, str], name: str, default: int, maximum: int) -> int:
    """The number in parameter ``name``, at most ``maximum``; ``default`` where it is missing or empty.

    Raises ``ARGUMENT_INVALID`` for anything but 0 to 2,147,483,647.
    """
    text = query.get(name, "")
    if not text:
        return default
    # The length is bounded before int() sees it, and so are signs, underscores and foreign digits.
    if text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER_DIGITS and int(text) <= 0x7FFFFFFF:  # noqa: PLR2004 - S3's 32 bits
        return min(int(text), maximum)
    if text.startswith("-") and text[1:].isdigit():
        raise argument_invalid(name, text, f"Argument {text[:_ECHO]} must be an integer between 0 and 2147483647")
    raise argument_invalid(name, text, f"Provided {text[:_ECHO]} not an integer or within integer range")


def encoding_type(query: dict[str, str]) -> str:
    """``url`` or empty. Raises ``ARGUMENT_INVALID`` for any other ``encoding-type``."""
    text = query.get("encoding-type", "")
    if text and text.lower() != "url":
        raise argument_invalid("encoding-type", text, "Invalid Encoding Method specified in Request.")
    return text and "url"


_CRYPTO = ("x-amz-server-side-encryption", "x-amz-copy-source-server-side-encryption")
_REFUSED_PREFIXES = ("x-amz-grant-", "x-amz-object-lock-", "x-minio-", "x-zotplus-")
_ANY_PREFIX = (*_CRYPTO, *_REFUSED_PREFIXES)
_ACCEPTED: dict[str, frozenset[str]] = {
    # Header -> the values that ask for nothing but what is done anyway. All others would be ignored silently.
    "x-amz-acl": frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"}),
    "x-amz-bucket-object-lock-enabled": frozenset({"false"}),
    "x-amz-copy-source": frozenset(),  # for PUT only
    "x-amz-if-match-initiated-time": frozenset(),
    "x-amz-if-match-last-modified-time": frozenset(),
    "x-amz-if-match-size": frozenset(),
    "x-amz-mfa": frozenset(),
    "x-amz-object-ownership": frozenset({"BucketOwnerEnforced"}),
    "x-amz-rename-source": frozenset(),
    "x-amz-tagging": frozenset({""}),
    "x-amz-website-redirect-location": frozenset(),
    "x-amz-write-offset-bytes": frozenset(),
}
_PLAIN = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
"""What nearly every request has, and this module has nothing to say about."""
_READS = frozenset({"GET", "HEAD"})


def refuse_unsupported_headers(head: RequestHead, understood: tuple[str, ...] = ()) -> None:
    """Refuse what a client would believe to be done although it is not.

    ``understood`` are the headers that the operation reads itself, as its row names them (``When.headers``), or what
    they begin with. Raises ``OPERATION_UNKNOWN``, ``ARGUMENT_INVALID`` for a copy source of no copy
    and for encryption where none can be.
    """
    is_read = head.method in _READS
    for name, value in head.headers.items():
        lower = name.lower()
        if not lower.startswith("x-") or (understood and lower.startswith(understood)):
            continue
        if lower.startswith(_ANY_PREFIX):
            if lower.startswith(_CRYPTO):
                raise argument_invalid(lower, "", f"{lower} header is not supported for this operation.")
            if not is_read:
                raise _unsupported(lower)
        elif lower in _ACCEPTED and value not in _ACCEPTED[lower]:
            _refuse(head.method, lower, value)


def copy_source_misplaced(source: str) -> Problem:
    """The refusal of ``x-amz-copy-source`` where nothing is copied."""
    detail = "You can only specify a copy source header for copy requests."
    return argument_invalid("x-amz-copy-source", source, detail)


def _refuse(method: str, name: str, value: str) -> None:
    """Raises for a header that is not what ``_ACCEPTED`` takes; a copy is a PUT, and a read sets no list of grants."""
    if name == "x-amz-copy-source":
        if method != "PUT":
            raise copy_source_misplaced(value)
    elif name != "x-amz-acl" or method not in _READS:
        raise _unsupported(name)


def _unsupported(name: str) -> Problem:
    return Problem(
        errors.OPERATION_UNKNOWN, f"The header {name} implies functionality that is not implemented.", Header=name
    )


_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search


def require_header_text(name: str, value: str) -> str:
    """``value`` as it can be stored and given back.

    Raises ``ARGUMENT_INVALID`` for control characters and bytes that are not UTF-8.
    """
    if value.isascii():
        if _control(value) is None:
            return value
    else:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise argument_invalid(name, "", "The header is not valid UTF-8.") from None
        if _control(value) is None:
            return value
    raise argument_invalid(name, "", "The header holds control characters.")


def read_version(request: Request) -> str:
    """``versionId``; empty where the newest is meant. Raises ``ARGUMENT_INVALID`` where it is there but empty."""
    version = request.query.get("versionId")
    if version == "":
        raise argument_invalid("versionId", "", "Version id cannot be the empty string")
    return version or ""


def read_copy_source(request: Request) -> CopySource:
    """What ``x-amz-copy-source`` names. Raises ``COPY_SOURCE_INVALID``."""
    return parse_copy_source(request.header("x-amz-copy-source") or "", prefix=request.site.prefix)
