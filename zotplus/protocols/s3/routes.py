"""Every operation of the S3 face in one table, and the matcher that finds a request's row.

A sub-resource (``?acl``) that no row names is never dropped: the request would mean the plain operation then, and
``PUT ?acl`` would overwrite the object.
"""

from collections.abc import Iterable

from zotplus.domain import errors
from zotplus.domain.errors import Fault, Problem
from zotplus.protocols.s3 import multipart, origins
from zotplus.protocols.s3.buckets import listing, managing, versions
from zotplus.protocols.s3.forms import posting
from zotplus.protocols.s3.objects import deleting, describing, reading, renaming, writing
from zotplus.protocols.s3.refused import refusal
from zotplus.protocols.s3.request import Level, Request, copy_source_misplaced
from zotplus.protocols.s3.rows import COPY_SOURCE, Row
from zotplus.protocols.s3.settings import cors, encryption, locks, tagging, unset
from zotplus.protocols.s3.settings.lifecycle import operations as lifecycle
from zotplus.protocols.s3.sharing import lists, ownership, policies, public_access
from zotplus.protocols.s3.telling import logging, notifications

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
    version-id-marker x-id
"""
SELECTORS = frozenset(_SELECTORS_TEXT.split())
"""Query keys that change which operation is meant (S3 API Reference, and the extensions of self-hosted servers)."""
_PLAIN = frozenset(_PLAIN_TEXT.split())
_PLAIN_PREFIXES = ("X-Amz-", "x-amz-", "response-")


def _by_precedence(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows that need more selectors or a header come first."""
    return tuple(sorted(rows, key=lambda row: (-len(row.query), not row.header)))


_MODULES = (
    managing,
    listing,
    versions,
    reading,
    writing,
    deleting,
    describing,
    renaming,
    multipart,
    lifecycle,
    posting,
    cors,
    encryption,
    notifications,
    logging,
    tagging,
    locks,
    unset,
    policies,
    public_access,
    ownership,
    lists,
)

ROWS: tuple[Row, ...] = _by_precedence([row for module in _MODULES for row in module.ROWS])

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
    if method == origins.PREFLIGHT.route.method and level is not Level.SERVICE:
        return origins.PREFLIGHT  # whatever its query says: a browser asks about the very address that it will use
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
    method, source = request.head.method, request.head.headers.get(COPY_SOURCE)
    if source is not None and method != "PUT":
        return copy_source_misplaced(source)
    astray = _ASTRAY.get((method, asked)) if request.level is Level.OBJECT else None
    if astray is None:
        named = refusal(request, asked)
        return named or Problem(errors.OPERATION_UNKNOWN, "A sub-resource of the request is not implemented.")
    fault, detail, fields = astray
    return Problem(fault, detail, **fields)


def _selectors(query: dict[str, str]) -> frozenset[str]:
    """The keys that select an operation. A bare key that nobody knows is one too: so do sub-resources look."""
    return frozenset(
        name
        for name, value in query.items()
        if name in SELECTORS or (not value and name not in _PLAIN and not name.startswith(_PLAIN_PREFIXES))
    )
