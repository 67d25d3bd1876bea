"""What a writer says about an object, in and out: content headers, user metadata, storage class, response overrides.

Spec: Amazon S3 API Reference, PutObject and GetObject; S3 User Guide, "Working with object metadata".
"""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.protocols.s3.request import Request, argument_invalid, require_header_text
from zotplus.protocols.s3.settings.encryption_headers import SSE, read_protection
from zotplus.protocols.s3.settings.lock_headers import read_lock
from zotplus.protocols.s3.settings.tag_headers import read_tags
from zotplus.protocols.s3.sharing.list_documents import HEADERS as LIST_HEADERS
from zotplus.protocols.s3.sharing.list_documents import read_grants
from zotplus.services.values import Attributes, Checksum, ObjectInfo

METADATA_LIMIT = 2048
"""Bytes of user metadata, names and values together (S3 User Guide, "Working with object metadata")."""
METADATA_PREFIX = "x-amz-meta-"
VERSION_HEADER = "x-amz-version-id"
STORAGE_CLASS = "x-amz-storage-class"
REDIRECT = "x-amz-website-redirect-location"
WRITE_HEADERS = f"x-amz-object-lock- x-amz-tagging {REDIRECT} {SSE} {LIST_HEADERS}"
"""What the headers begin with that set something for a new object, and mean nothing elsewhere (``When.headers``)."""
DEFAULT_TYPE = "binary/octet-stream"  # Amazon's own
_CONTENT_HEADERS = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
_KEPT_HEADERS = {**_CONTENT_HEADERS, REDIRECT: REDIRECT}
# Classes from which an object can be read at once; for the others clients would have to restore it first.
_STORAGE_CLASSES = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}
)
_OVERRIDES = {f"response-{name}": header for name, header in _CONTENT_HEADERS.items()}

Pairs = tuple[tuple[str, str], ...]


def read_attributes(request: Request, *, is_chunked: bool = False) -> Attributes:
    """The attributes of a new object. ``is_chunked`` takes ``aws-chunked``, which is no encoding of the content, away.

    Raises ``ARGUMENT_INVALID``, ``METADATA_TOO_LARGE``, ``REQUEST_INVALID``.
    """
    headers = {"content-type": DEFAULT_TYPE}
    for name in _CONTENT_HEADERS:
        value = request.header(name)
        if value:
            headers[name] = require_header_text(name, value)
    encoding = _content_encoding(headers.pop("content-encoding", ""), is_chunked=is_chunked)
    if encoding:
        headers["content-encoding"] = encoding
    return Attributes(
        headers={**headers, **read_redirect(request)},
        metadata=_metadata(request),
        storage_class=read_storage_class(request),
        tags=read_tags(request.header),
        lock=read_lock(request.header),
        protection=read_protection(request),
        acl=read_grants(request.header),
    )


def read_redirect(request: Request) -> dict[str, str]:
    """Where a website would send readers of the object: kept and told, and followed by nobody here.

    Raises ``REDIRECT_INVALID``, ``ARGUMENT_INVALID``. Spec: S3 User Guide, "Configuring a webpage redirect".
    """
    value = request.header(REDIRECT)
    if value is None:
        return {}
    if len(value) > METADATA_LIMIT or not value.startswith(("/", "http://", "https://")):
        raise Problem(errors.REDIRECT_INVALID)
    return {REDIRECT: require_header_text(REDIRECT, value)}


def _content_encoding(value: str, *, is_chunked: bool) -> str:
    tokens = [token.strip() for token in value.split(",")]
    kept = [token for token in tokens if token.lower() != "aws-chunked"]
    if len(kept) == len(tokens):
        return value
    if not is_chunked:
        raise Problem(errors.REQUEST_INVALID, "Content-Encoding aws-chunked needs a STREAMING payload mode.")
    return ",".join([token for token in kept if token])


def _metadata(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    size = 0
    for name, value in request.head.headers.items():
        lower = name.lower()
        if not lower.startswith(METADATA_PREFIX):
            continue
        key = lower[len(METADATA_PREFIX) :]
        text = require_header_text(lower, value)
        # A repeated header is one list (RFC 9110 section 5.3), as Amazon keeps it.
        found[key] = f"{found[key]},{text}" if key in found else text
        size += len(key) + len(text.encode())
    if size > METADATA_LIMIT:
        raise Problem(errors.METADATA_TOO_LARGE, Size=size, MaxSizeAllowed=METADATA_LIMIT)
    return found


def read_storage_class(request: Request) -> str:
    """The class asked for. Raises ``STORAGE_CLASS_INVALID``."""
    value = request.header(STORAGE_CLASS) or "STANDARD"
    if value not in _STORAGE_CLASSES and value not in request.site.classes:
        raise Problem(errors.STORAGE_CLASS_INVALID, StorageClassRequested=value[:64])
    return value


def read_need(bucket: str, key: str, version: str) -> Need:
    """What must be allowed to read an object, or the ``version`` of it that is named."""
    resource = f"s3:{bucket}/{key}"
    if version:
        return Need(actions.GET_OBJECT_VERSION.name, resource, {"s3:versionid": version})
    return Need(actions.GET_OBJECT.name, resource)


def read_overrides(request: Request) -> Pairs:
    """The ``response-*`` parameters as headers. Raises ``ARGUMENT_INVALID`` where one would break out of its line."""
    if not request.query:
        return ()
    return tuple(
        (_OVERRIDES[name], require_header_text(name, value))
        for name, value in request.query.items()
        if name in _OVERRIDES
    )


@lru_cache(maxsize=4096)
def http_date(epoch: int) -> str:
    """``epoch`` (seconds) as an HTTP date."""
    return formatdate(epoch, usegmt=True)


def validators(info: ObjectInfo) -> list[tuple[str, str]]:
    """ETag and Last-Modified."""
    return [("ETag", f'"{info.etag}"'), ("Last-Modified", http_date(int(info.modified)))]


def object_headers(info: ObjectInfo, overrides: Pairs) -> list[tuple[str, str]]:
    """Everything about an object that goes into the headers of GET and HEAD but length, range and checksum."""
    headers = validators(info)
    if info.version is not None:
        headers.append((VERSION_HEADER, info.version))
    headers.append(("Accept-Ranges", "bytes"))
    replaced = {name for name, _ in overrides} if overrides else ()
    stored: Mapping[str, str] = info.attributes.headers
    for name, value in stored.items():
        wire_name = _KEPT_HEADERS.get(name)
        if wire_name is not None and wire_name not in replaced:
            headers.append((wire_name, value))
    headers.extend(overrides)
    for name, value in info.attributes.metadata.items():
        headers.append((METADATA_PREFIX + name, value))
    if info.attributes.storage_class != "STANDARD":
        headers.append(("x-amz-storage-class", info.attributes.storage_class))
    return headers


def version_headers(info: ObjectInfo) -> Pairs:
    """``x-amz-version-id``, where the bucket keeps versions."""
    return () if info.version is None else ((VERSION_HEADER, info.version),)


def checksum_headers(checksum: Checksum | None) -> list[tuple[str, str]]:
    """``x-amz-checksum-crc32`` and so on, with the type; nothing where there is none."""
    if checksum is None:
        return []
    name = f"x-amz-checksum-{checksum.algorithm.lower()}"
    return [(name, checksum.value), ("x-amz-checksum-type", checksum.type)]


def metadata_directive(request: Request, name: str) -> bool:
    """Whether header ``name`` says REPLACE. Raises ``ARGUMENT_INVALID`` for anything but COPY and REPLACE."""
    value = request.header(name) or "COPY"
    if value not in ("COPY", "REPLACE"):
        raise argument_invalid(name, value, f"Unknown {name.split('-')[2]} directive.")
    return value == "REPLACE"
