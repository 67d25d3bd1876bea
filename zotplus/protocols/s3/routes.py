"""Every operation of the S3 face in one table, and the matcher that finds a request's row.

A sub-resource (``?acl``) that no row names is never dropped: the request would mean the plain operation then, and
``PUT ?acl`` would overwrite the object.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Fault, Problem
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.s3 import buckets, listing, multipart, objects
from zotplus.protocols.s3.request import Level, Request, copy_source_misplaced

T = TypeVar("T", bound=Operation)

Handler = Callable[[Context, Operation], Awaitable[Reply]]

_SELECTORS_TEXT = """
    accelerate accessPoint acl analytics annotation append attributes cors delete encryption events fan-out
    force-delete intelligent-tiering inventory lambdaArn legal-hold lifecycle list-type location logging
    metadataConfiguration metadataInventoryTable metadataJournalTable metadataTable metrics notification object-lock
    ownershipControls partNumber policy policyStatus publicAccessBlock quota rename renameObject replication
    replication-check replication-metrics replication-reset replication-reset-status requestPayment restore retention
    select select-type session tagging torrent uploadId uploads versionId versioning versions website
"""
_PLAIN_TEXT = """
    AWSAccessKeyId Expires Signature bucket-region continuation-token delimiter encoding-type fetch-owner key-marker
    marker max-buckets max-keys max-parts max-uploads metadata part-number-marker prefix start-after upload-id-marker
    x-id
"""
SELECTORS = frozenset(_SELECTORS_TEXT.split())
"""Query keys that change which operation is meant (S3 API Reference, and the extensions of self-hosted servers)."""
_PLAIN = frozenset(_PLAIN_TEXT.split())
_PLAIN_PREFIXES = ("X-Amz-", "x-amz-", "response-")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A route and when it is meant: ``query`` are the selectors that it needs, ``also`` those that it understands."""

    route: Route
    level: Level
    parse: Callable[[Request], Operation]
    query: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    header: str = ""


class _When(msgspec.Struct, frozen=True, kw_only=True):
    level: Level
    method: str
    query: str = ""
    also: str = ""
    header: str = ""


class _What(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str
    action: Action
    decides: bool = False
    takes_body: bool = False
    immediate: bool = False


_TEMPLATES = {Level.SERVICE: "/", Level.BUCKET: "/{bucket}", Level.OBJECT: "/{bucket}/{key+}"}


def _row(
    when: _When, what: _What, parse: Callable[[Request], T], handle: Callable[[Context, T], Awaitable[Reply]]
) -> Row:
    names = when.query.split()
    query = "&".join([f"{name}={{{name}}}" if name in ("uploadId", "partNumber") else name for name in names])
    route = Route(
        name=what.name,
        method=when.method,
        template=_TEMPLATES[when.level] + (f"?{query}" if query else ""),
        summary=what.summary,
        handle=cast("Handler", handle),  # the row hands it what its own parse made
        action=what.action,
        decides=what.decides,
        takes_body=what.takes_body,
        immediate=what.immediate,
    )
    return Row(
        route=route,
        level=when.level,
        parse=parse,
        query=frozenset(names),
        also=frozenset(when.also.split()),
        header=when.header,
    )


_SERVICE, _BUCKET, _OBJECT = Level.SERVICE, Level.BUCKET, Level.OBJECT
_COPY = "x-amz-copy-source"

ROWS: tuple[Row, ...] = (
    _row(
        _When(level=_SERVICE, method="GET"),
        _What(name="ListBuckets", summary="List buckets.", action=actions.LIST_ALL_MY_BUCKETS),
        buckets.parse_list_buckets,
        buckets.list_buckets,
    ),
    _row(
        _When(level=_BUCKET, method="PUT"),
        _What(name="CreateBucket", summary="Create a bucket.", action=actions.CREATE_BUCKET, takes_body=True),
        buckets.parse_create_bucket,
        buckets.create_bucket,
    ),
    _row(
        _When(level=_BUCKET, method="HEAD"),
        _What(name="HeadBucket", summary="See whether a bucket exists.", action=actions.LIST_BUCKET),
        buckets.parse_head_bucket,
        buckets.head_bucket,
    ),
    _row(
        _When(level=_BUCKET, method="DELETE"),
        _What(name="DeleteBucket", summary="Delete an empty bucket.", action=actions.DELETE_BUCKET),
        buckets.parse_delete_bucket,
        buckets.delete_bucket,
    ),
    _row(
        _When(level=_BUCKET, method="GET", query="location"),
        _What(name="GetBucketLocation", summary="Read a bucket's region.", action=actions.GET_BUCKET_LOCATION),
        buckets.parse_get_bucket_location,
        buckets.get_bucket_location,
    ),
    _row(
        _When(level=_BUCKET, method="GET", query="versioning"),
        _What(name="GetBucketVersioning", summary="See that no versions are kept.", action=actions.LIST_BUCKET),
        buckets.parse_get_bucket_versioning,
        buckets.get_bucket_versioning,
    ),
    _row(
        _When(level=_BUCKET, method="GET", query="uploads"),
        _What(
            name="ListMultipartUploads",
            summary="List unfinished uploads.",
            action=actions.LIST_BUCKET_MULTIPART_UPLOADS,
        ),
        listing.parse_list_uploads,
        listing.list_uploads,
    ),
    _row(
        _When(level=_BUCKET, method="GET", query="list-type"),
        _What(name="ListObjectsV2", summary="List objects.", action=actions.LIST_BUCKET),
        listing.parse_list_objects_v2,
        listing.list_objects,
    ),
    _row(
        _When(level=_BUCKET, method="GET"),
        _What(name="ListObjects", summary="List objects, first version.", action=actions.LIST_BUCKET),
        listing.parse_list_objects,
        listing.list_objects,
    ),
    _row(
        _When(level=_BUCKET, method="POST", query="delete"),
        _What(
            name="DeleteObjects",
            summary="Delete up to 1,000 objects.",
            action=actions.DELETE_OBJECT,
            decides=True,
            takes_body=True,
        ),
        objects.parse_delete_objects,
        objects.delete_objects,
    ),
    _row(
        _When(level=_OBJECT, method="GET", query="uploadId"),
        _What(name="ListParts", summary="List an upload's parts.", action=actions.LIST_MULTIPART_UPLOAD_PARTS),
        multipart.parse_list_parts,
        multipart.list_parts,
    ),
    _row(
        _When(level=_OBJECT, method="GET", also="versionId partNumber"),
        _What(name="GetObject", summary="Read an object.", action=actions.GET_OBJECT, immediate=True),
        objects.parse_read_object,
        objects.get_object,
    ),
    _row(
        _When(level=_OBJECT, method="HEAD", also="versionId partNumber"),
        _What(name="HeadObject", summary="Read an object's metadata.", action=actions.GET_OBJECT, immediate=True),
        objects.parse_read_object,
        objects.head_object,
    ),
    _row(
        _When(level=_OBJECT, method="PUT", query="partNumber uploadId", header=_COPY),
        _What(name="UploadPartCopy", summary="Upload a part from another object.", action=actions.PUT_OBJECT),
        multipart.parse_upload_part_copy,
        multipart.upload_part_copy,
    ),
    _row(
        _When(level=_OBJECT, method="PUT", query="partNumber uploadId"),
        _What(name="UploadPart", summary="Upload a part.", action=actions.PUT_OBJECT, takes_body=True),
        multipart.parse_upload_part,
        multipart.upload_part,
    ),
    _row(
        _When(level=_OBJECT, method="PUT", header=_COPY),
        _What(name="CopyObject", summary="Copy an object.", action=actions.PUT_OBJECT),
        objects.parse_copy_object,
        objects.copy_object,
    ),
    _row(
        _When(level=_OBJECT, method="PUT"),
        _What(name="PutObject", summary="Write an object.", action=actions.PUT_OBJECT, takes_body=True),
        objects.parse_put_object,
        objects.put_object,
    ),
    _row(
        _When(level=_OBJECT, method="POST", query="uploads"),
        _What(name="CreateMultipartUpload", summary="Begin a multipart upload.", action=actions.PUT_OBJECT),
        multipart.parse_create,
        multipart.create,
    ),
    _row(
        _When(level=_OBJECT, method="POST", query="uploadId"),
        _What(
            name="CompleteMultipartUpload",
            summary="Make an uploaded object visible.",
            action=actions.PUT_OBJECT,
            takes_body=True,
        ),
        multipart.parse_complete,
        multipart.complete,
    ),
    _row(
        _When(level=_OBJECT, method="DELETE", query="uploadId"),
        _What(name="AbortMultipartUpload", summary="Abort an upload.", action=actions.ABORT_MULTIPART_UPLOAD),
        multipart.parse_abort,
        multipart.abort,
    ),
    _row(
        _When(level=_OBJECT, method="DELETE", also="versionId"),
        _What(name="DeleteObject", summary="Delete an object.", action=actions.DELETE_OBJECT),
        objects.parse_delete_object,
        objects.delete_object,
    ),
)
"""In order of precedence within one level and method: rows that need more selectors or a header come first."""

_BY_METHOD: dict[tuple[Level, str], tuple[Row, ...]] = {
    (row.level, row.route.method): tuple(
        other for other in ROWS if (other.level, other.route.method) == (row.level, row.route.method)
    )
    for row in ROWS
}


_ASTRAY: dict[tuple[str, frozenset[str]], tuple[Fault, str, dict[str, str]]] = {
    ("PUT", frozenset({"partNumber"})): (
        errors.ARGUMENT_INVALID,
        "This operation does not accept partNumber without uploadId",
        {"ArgumentName": "partNumber", "ArgumentValue": "partNumber"},
    ),
    ("PUT", frozenset({"uploadId"})): (
        errors.METHOD_NOT_ALLOWED,
        "",
        {"Method": "PUT", "ResourceType": "UPLOAD", "allow": "DELETE, GET, POST"},
    ),
    ("POST", frozenset()): (
        errors.METHOD_NOT_ALLOWED,
        "",
        {"Method": "POST", "ResourceType": "OBJECT", "allow": "DELETE, GET, HEAD, PUT"},
    ),
    ("GET", frozenset({"uploads"})): (
        errors.REQUEST_INVALID,
        "Key is not expected for the GET method ?uploads subresource",
        {},
    ),
    ("GET", frozenset({"versions"})): (
        errors.REQUEST_INVALID,
        "There is no such thing as the ?versions sub-resource for a key",
        {},
    ),
}
"""Method and selectors that name an operation wrongly at an object's address, and what Amazon says to each."""


def match(request: Request) -> Row:
    """The row that ``request`` means.

    Raises ``METHOD_NOT_ALLOWED``, ``OPERATION_UNKNOWN``, and what ``_ASTRAY`` says.
    """
    level, method = request.level, request.head.method
    rows = _BY_METHOD.get((level, method))
    if rows is None:
        allow = ", ".join(sorted(known for known_level, known in _BY_METHOD if known_level is level))
        raise Problem(errors.METHOD_NOT_ALLOWED, Method=method[:32], ResourceType=level.upper(), allow=allow)
    asked = _selectors(request.query) if request.query else frozenset()
    for row in rows:
        if row.query <= asked and (not row.header or row.header in request.head.headers):
            if asked - row.query - row.also:
                break
            return row
    raise _refusal(request, asked)


def _refusal(request: Request, asked: frozenset[str]) -> Problem:
    method, source = request.head.method, request.head.headers.get(_COPY)
    if source is not None and method != "PUT":
        return copy_source_misplaced(source)
    astray = _ASTRAY.get((method, asked)) if request.level is Level.OBJECT else None
    if astray is None:
        return Problem(errors.OPERATION_UNKNOWN, "A sub-resource of the request is not implemented.")
    fault, detail, fields = astray
    return Problem(fault, detail, **fields)


def _selectors(query: dict[str, str]) -> frozenset[str]:
    """The keys that select an operation. A bare key that nobody knows is one too: so do sub-resources look."""
    return frozenset(
        name
        for name, value in query.items()
        if name in SELECTORS or (not value and name not in _PLAIN and not name.startswith(_PLAIN_PREFIXES))
    )
