"""Reading objects: GET and HEAD.

Spec: Amazon S3 API Reference, GetObject, HeadObject.
"""

import msgspec

from zotplus.domain import actions, errors, ranges
from zotplus.domain.conditions import (
    UNCONDITIONAL_READ,
    is_unchanged,
    parse_if_range,
    parse_read_conditions,
)
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.ranges import Part, Range
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener
from zotplus.gateway.reply import Reply, Stored
from zotplus.protocols.s3 import xml_in
from zotplus.protocols.s3.attributes import (
    Pairs,
    checksum_headers,
    object_headers,
    read_need,
    read_overrides,
    validators,
)
from zotplus.protocols.s3.request import Level, Request, argument_invalid, read_version
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.encryption_headers import (
    CUSTOMER,
    protection_headers,
    read_customer_key,
    require_readable,
)
from zotplus.protocols.s3.settings.lifecycle.expiry import expiry_headers
from zotplus.protocols.s3.settings.lock_headers import lock_headers
from zotplus.protocols.s3.settings.tag_headers import count_headers
from zotplus.services.values import NEWEST, Checksum, ObjectInfo, Selection

# An object on the main port shares its origin with the pages for people: a script in it must not run there.
_SANDBOX = ("Content-Security-Policy", "sandbox")


CHECKSUM_MODE = "x-amz-checksum-mode"


class ReadObject(msgspec.Struct, frozen=True, kw_only=True):
    """What GET and HEAD share; ``unchanged`` is what If-Range demands."""

    bucket: str
    key: str
    selection: Selection = NEWEST
    overrides: Pairs = ()
    with_checksum: bool = False

    def needs(self) -> tuple[Need, ...]:
        """To read it, or the version of it that is named."""
        return (read_need(self.bucket, self.key, self.selection.version),)


_NARROWING = frozenset({
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", CHECKSUM_MODE,
    f"{CUSTOMER}algorithm", f"{CUSTOMER}key", f"{CUSTOMER}key-md5",
})  # fmt: skip
"""The headers that make a read more than a plain one."""


def parse_read_object(request: Request) -> ReadObject:
    """Raises ``ARGUMENT_INVALID``, ``VERSION_NOT_FOUND``, ``REQUEST_INVALID``."""
    if not request.query and _NARROWING.isdisjoint(map(str.lower, request.head.headers)):
        return ReadObject(bucket=request.bucket, key=request.key)
    headers = request.head.headers
    range_text = headers.get("range")
    wanted: Range | None = None if range_text is None else ranges.parse_range(range_text)
    if_range = None if wanted is None else headers.get("if-range")
    if "partNumber" in request.query:
        if wanted is not None:
            raise Problem(errors.REQUEST_INVALID, "Cannot specify both Range header and partNumber query parameter")
        wanted = Part(number=read_part_number(request))
    return ReadObject(
        bucket=request.bucket,
        key=request.key,
        selection=Selection(
            version=read_version(request),
            wanted=wanted,
            unchanged=None if if_range is None else parse_if_range(if_range),
            conditions=parse_read_conditions(headers),
            customer_key=read_customer_key(request),
        ),
        overrides=read_overrides(request),
        with_checksum=(headers.get(CHECKSUM_MODE) or "").upper() == "ENABLED",
    )


def read_part_number(request: Request) -> int:
    """``partNumber``, 1 to 10,000. Raises ``ARGUMENT_INVALID``."""
    text = request.query.get("partNumber", "")
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= xml_in.PARTS_LIMIT:  # noqa: PLR2004 - digits of 10,000
        return int(text)
    raise argument_invalid("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive.")


async def get_object(context: Context, operation: ReadObject) -> Reply:
    """Raises what ``Objects.get`` does."""
    _check_overrides(context, operation)
    try:
        content, place = await context.services.objects.get(operation.bucket, operation.key, operation.selection)
    except Problem as problem:
        return await _refused(context, operation, problem)
    if content.info.attributes.protection is not None:
        require_readable(context, content.info.attributes.protection)
    body = Stored(content.slices) if content.inline is None else content.inline
    reply = _read_reply(context, operation, content.info, place, body)
    return await _with_expiry(context, operation, content.info, reply)


async def head_object(context: Context, operation: ReadObject) -> Reply:
    """As GET without content. Raises what ``Objects.head`` does."""
    _check_overrides(context, operation)
    try:
        info = await context.services.objects.head(operation.bucket, operation.key, operation.selection)
    except Problem as problem:
        return await _refused(context, operation, problem)
    wanted = _counting(operation, info)
    place = (0, info.size) if wanted is None else ranges.resolve(wanted, info.size, info.part_sizes)
    return await _with_expiry(context, operation, info, _read_reply(context, operation, info, place, b""))


async def _with_expiry(context: Context, operation: ReadObject, info: ObjectInfo, reply: Reply) -> Reply:
    """Rules speak of the newest version's end; who names a version is told nothing."""
    if not info.ages or operation.selection.version:
        return reply
    headers = (*reply.headers, *await expiry_headers(context, operation.bucket, info))
    return msgspec.structs.replace(reply, headers=headers)


def _counting(operation: ReadObject, info: ObjectInfo) -> Range | None:
    """The range that counts: none where If-Range does not hold."""
    selection = operation.selection
    if selection.unchanged is None or is_unchanged(selection.unchanged, info.etag, info.modified):
        return selection.wanted
    return None


def _check_overrides(context: Context, operation: ReadObject) -> None:
    """An anonymous link could otherwise make any public object look like a page of any type (S3 API Reference)."""
    if operation.overrides and context.principal.is_anonymous:
        raise Problem(
            errors.REQUEST_INVALID, "Request specific response headers cannot be used for anonymous GET requests."
        )


async def _refused(context: Context, operation: ReadObject, problem: Problem) -> Reply:
    """304 with its validators, or ``problem`` raised again.

    Only who may list a bucket learns that a key is missing; for others that is a denial, as Amazon has it.
    """
    if problem.fault is errors.NOT_MODIFIED:
        unconditional = msgspec.structs.replace(operation.selection, conditions=UNCONDITIONAL_READ)
        info = await context.services.objects.head(operation.bucket, operation.key, unconditional)
        return Reply(status=304, headers=tuple(validators(info)))
    raise missing_or_denied(context, operation.bucket, operation.key, problem) from problem


def missing_or_denied(context: Context, bucket: str, key: str, problem: Problem) -> Problem:
    """``problem`` as it may be told: that a key is missing only to who may list the bucket."""
    if problem.fault in (errors.OBJECT_NOT_FOUND, errors.VERSION_NOT_FOUND):
        if not context.may(Need(actions.LIST_BUCKET.name, f"s3:{bucket}", {"s3:prefix": key})):
            return Problem(errors.CREDENTIALS_MISSING if context.principal.is_anonymous else errors.ACCESS_DENIED)
        problem.fields["Key"] = key
    return problem


def _read_reply(
    context: Context, operation: ReadObject, info: ObjectInfo, place: tuple[int, int], body: bytes | Stored
) -> Reply:
    start, length = place
    wanted = _counting(operation, info)
    headers = object_headers(info, operation.overrides)
    headers += protection_headers(info.attributes.protection, operation.selection.customer_key)
    if info.attributes.lock is not None:
        headers += lock_headers(context, info.attributes.lock, f"s3:{operation.bucket}/{operation.key}")
    if info.attributes.tags:
        headers += count_headers(context, info.attributes.tags, f"s3:{operation.bucket}/{operation.key}")
    if context.head.listener is Listener.MAIN:
        headers.append(_SANDBOX)
    status = 200
    if isinstance(wanted, Part) and info.part_sizes:
        headers.append(("x-amz-mp-parts-count", str(len(info.part_sizes))))
    if wanted is not None and length:
        status = 206
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{info.size}"))
    if operation.with_checksum and (wanted is None or not length or isinstance(wanted, Part)):
        headers.extend(checksum_headers(_checksum_of(info, wanted)))
    return Reply(status=status, headers=headers, body=body, length=length)


def _checksum_of(info: ObjectInfo, wanted: Range | None) -> Checksum | None:
    """The checksum of what is read. Spec: Amazon S3 User Guide, "Checking object integrity", part-level checksums."""
    if not isinstance(wanted, Part) or not info.part_sizes or info.checksum is None:
        return info.checksum
    parts = info.part_checksums
    return msgspec.structs.replace(info.checksum, value=parts[wanted.number - 1]) if parts else None


ROWS = (
    row(
        When(level=Level.OBJECT, method="GET", also="versionId partNumber", headers=CUSTOMER),
        What(
            name="GetObject",
            summary="Read an object.",
            action=actions.GET_OBJECT,
            version_action=actions.GET_OBJECT_VERSION,
            immediate=True,
        ),
        parse_read_object,
        get_object,
    ),
    row(
        When(level=Level.OBJECT, method="HEAD", also="versionId partNumber", headers=CUSTOMER),
        What(
            name="HeadObject",
            summary="Read an object's metadata.",
            action=actions.GET_OBJECT,
            version_action=actions.GET_OBJECT_VERSION,
            immediate=True,
        ),
        parse_read_object,
        head_object,
    ),
)
