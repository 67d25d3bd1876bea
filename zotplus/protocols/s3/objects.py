"""Operations on objects: put, get, head, copy, delete, and the deletion of many.

Spec: Amazon S3 API Reference, PutObject, GetObject, HeadObject, CopyObject, DeleteObject, DeleteObjects.
"""

import msgspec

from zotplus.domain import actions, errors, ranges
from zotplus.domain.conditions import (
    UNCONDITIONAL_READ,
    ReadConditions,
    Unchanged,
    WriteConditions,
    is_unchanged,
    parse_copy_source_conditions,
    parse_if_range,
    parse_read_conditions,
    parse_write_conditions,
)
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.integrity.checksum_headers import parse_algorithm
from zotplus.domain.names import check_key
from zotplus.domain.ranges import Part, Range
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener
from zotplus.gateway.reply import Reply, Stored
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.attributes import (
    Pairs,
    checksum_headers,
    metadata_directive,
    object_headers,
    read_attributes,
    read_overrides,
    read_storage_class,
    validators,
)
from zotplus.protocols.s3.buckets import XML
from zotplus.protocols.s3.request import (
    Request,
    argument_invalid,
    read_copy_source,
    require_null_version,
)
from zotplus.protocols.s3.wire_errors import message, wire
from zotplus.services.values import Attributes, Copy, ObjectInfo

# An object on the main port shares its origin with the pages for people: a script in it must not run there.
_SANDBOX = ("Content-Security-Policy", "sandbox")


class ObjectWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What all operations share that write an object, at once or in parts."""

    bucket: str
    key: str

    def needs(self) -> tuple[Need, ...]:
        """To write it."""
        return (Need(actions.PUT_OBJECT.name, f"s3:{self.bucket}/{self.key}"),)


class PutObject(ObjectWrite, frozen=True, kw_only=True):
    """An object's new content."""

    attributes: Attributes
    conditions: WriteConditions
    body: payload.Incoming


def parse_put_object(request: Request) -> PutObject:
    """Raises what reading of body headers, attributes and conditions does."""
    incoming = payload.parse_incoming(request)
    return PutObject(
        bucket=request.bucket,
        key=request.key,
        attributes=read_attributes(request, is_chunked=incoming.is_chunked),
        conditions=parse_write_conditions(request.head.headers),
        body=incoming,
    )


async def put_object(context: Context, operation: PutObject) -> Reply:
    """Raises what ``Objects.put`` does."""
    info = await context.services.objects.put(
        operation.bucket,
        operation.key,
        payload.open_source(context, operation.body),
        operation.attributes,
        operation.conditions,
    )
    return Reply(headers=(("ETag", f'"{info.etag}"'), *checksum_headers(info.checksum)))


CHECKSUM_MODE = "x-amz-checksum-mode"


class ReadObject(msgspec.Struct, frozen=True, kw_only=True):
    """What GET and HEAD share; ``unchanged`` is what If-Range demands."""

    bucket: str
    key: str
    wanted: Range | None = None
    unchanged: Unchanged | None = None
    conditions: ReadConditions = UNCONDITIONAL_READ
    overrides: Pairs = ()
    with_checksum: bool = False

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_OBJECT.name, f"s3:{self.bucket}/{self.key}"),)


_NARROWING = frozenset({
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", CHECKSUM_MODE,
})  # fmt: skip
"""The headers that make a read more than a plain one."""


def parse_read_object(request: Request) -> ReadObject:
    """Raises ``ARGUMENT_INVALID``, ``VERSION_NOT_FOUND``, ``REQUEST_INVALID``."""
    if not request.query and _NARROWING.isdisjoint(map(str.lower, request.head.headers)):
        return ReadObject(bucket=request.bucket, key=request.key)
    require_null_version(request.query.get("versionId", ""))
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
        wanted=wanted,
        unchanged=None if if_range is None else parse_if_range(if_range),
        conditions=parse_read_conditions(headers),
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
        content, place = await context.services.objects.get(
            operation.bucket, operation.key, operation.wanted, operation.conditions, operation.unchanged
        )
    except Problem as problem:
        return await _refused(context, operation, problem)
    body = Stored(content.slices) if content.inline is None else content.inline
    return _read_reply(context, operation, content.info, place, body)


async def head_object(context: Context, operation: ReadObject) -> Reply:
    """As GET without content. Raises what ``Objects.head`` does."""
    _check_overrides(context, operation)
    try:
        info = await context.services.objects.head(operation.bucket, operation.key, operation.conditions)
    except Problem as problem:
        return await _refused(context, operation, problem)
    wanted = _counting(operation, info)
    place = (0, info.size) if wanted is None else ranges.resolve(wanted, info.size, info.part_sizes)
    return _read_reply(context, operation, info, place, b"")


def _counting(operation: ReadObject, info: ObjectInfo) -> Range | None:
    """The range that counts: none where If-Range does not hold."""
    if operation.unchanged is None or is_unchanged(operation.unchanged, info.etag, info.modified):
        return operation.wanted
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
        info = await context.services.objects.head(operation.bucket, operation.key)
        return Reply(status=304, headers=tuple(validators(info)))
    if problem.fault is errors.OBJECT_NOT_FOUND:
        keys = {"s3:prefix": operation.key}
        if not context.may(Need(actions.LIST_BUCKET.name, f"s3:{operation.bucket}", keys)):
            fault = errors.CREDENTIALS_MISSING if context.principal.is_anonymous else errors.ACCESS_DENIED
            raise Problem(fault) from problem
        raise Problem(errors.OBJECT_NOT_FOUND, Key=operation.key) from problem
    raise problem


def _read_reply(
    context: Context, operation: ReadObject, info: ObjectInfo, place: tuple[int, int], body: bytes | Stored
) -> Reply:
    start, length = place
    wanted = _counting(operation, info)
    headers = object_headers(info, operation.overrides)
    if context.head.listener is Listener.MAIN:
        headers.append(_SANDBOX)
    status = 200
    if isinstance(wanted, Part) and info.part_sizes:
        headers.append(("x-amz-mp-parts-count", str(len(info.part_sizes))))
    if wanted is not None and length:
        status = 206
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{info.size}"))
    elif operation.with_checksum:
        headers.extend(checksum_headers(info.checksum))
    return Reply(status=status, headers=headers, body=body, length=length)


class CopyObject(msgspec.Struct, frozen=True, kw_only=True):
    """A copy."""

    wanted: Copy

    def needs(self) -> tuple[Need, ...]:
        """To write the target and to read the source."""
        source, target = self.wanted.source, self.wanted.target
        return (
            Need(actions.PUT_OBJECT.name, f"s3:{target[0]}/{target[1]}"),
            Need(actions.GET_OBJECT.name, f"s3:{source[0]}/{source[1]}"),
        )


def parse_copy_object(request: Request) -> CopyObject:
    """Raises ``COPY_SOURCE_INVALID``, ``OPERATION_UNKNOWN``, ``REQUEST_INVALID``, and what attributes do."""
    replaces = metadata_directive(request, "x-amz-metadata-directive")
    algorithm = parse_algorithm(request.head.headers)
    metadata_directive(request, "x-amz-tagging-directive")
    if not replaces and read_storage_class(request) != "STANDARD":
        raise Problem(
            errors.OPERATION_UNKNOWN, "A copy changes its storage class only with x-amz-metadata-directive: REPLACE."
        )
    return CopyObject(
        wanted=Copy(
            source=read_copy_source(request),
            target=(request.bucket, request.key),
            attributes=read_attributes(request) if replaces else None,
            algorithm=None if algorithm is None else algorithm.value,
            conditions=parse_copy_source_conditions(request.head.headers),
            target_conditions=parse_write_conditions(request.head.headers),
        )
    )


async def copy_object(context: Context, operation: CopyObject) -> Reply:
    """Raises what ``Objects.copy`` does."""
    info = await context.services.objects.copy(operation.wanted)
    content = (
        f"<LastModified>{xml_out.timestamp(info.modified)}</LastModified>{xml_out.etag(info.etag)}"
        f"{xml_out.checksum_elements(info.checksum)}"
    )
    return Reply(headers=(XML,), body=xml_out.document("CopyObjectResult", content))


class DeleteObject(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an object."""

    bucket: str
    key: str
    conditions: WriteConditions

    def needs(self) -> tuple[Need, ...]:
        """To delete it."""
        return (Need(actions.DELETE_OBJECT.name, f"s3:{self.bucket}/{self.key}"),)


def parse_delete_object(request: Request) -> DeleteObject:
    """Raises ``VERSION_NOT_FOUND``, ``OPERATION_UNKNOWN`` (If-None-Match)."""
    require_null_version(request.query.get("versionId", ""))
    conditions = parse_write_conditions(request.head.headers)
    if conditions.absent:
        raise Problem(errors.OPERATION_UNKNOWN, "A delete takes If-Match only.", Header="If-None-Match")
    return DeleteObject(bucket=request.bucket, key=request.key, conditions=conditions)


async def delete_object(context: Context, operation: DeleteObject) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``PRECONDITION_FAILED``."""
    await context.services.objects.delete(operation.bucket, operation.key, conditions=operation.conditions)
    return Reply(status=204)


class DeleteObjects(msgspec.Struct, frozen=True, kw_only=True):
    """The end of many objects, which the body names."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """Nothing beforehand: each key is decided on its own."""
        return ()


def parse_delete_objects(request: Request) -> DeleteObjects:
    """Raises what ``payload.parse_incoming`` does."""
    return DeleteObjects(bucket=request.bucket, body=payload.parse_incoming(request))


async def delete_objects(context: Context, operation: DeleteObjects) -> Reply:
    """Raises ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``; what is wrong with a single key is told in the answer."""
    document = xml_in.read_delete(await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT))
    refused: dict[xml_in.Doomed, Problem] = {}
    for doomed in document.objects:
        problem = _refusal(context, operation.bucket, doomed)
        if problem is not None:
            refused[doomed] = problem
    if len(refused) == len(set(document.objects)) and context.principal.is_anonymous:
        raise Problem(errors.CREDENTIALS_MISSING)
    allowed = dict.fromkeys(doomed.key for doomed in document.objects if doomed not in refused)
    if allowed:
        await context.services.objects.delete_many(operation.bucket, tuple(allowed))
    content = [
        _delete_error(doomed, refused[doomed]) if doomed in refused else _deleted(doomed)
        for doomed in document.objects
        if doomed in refused or not document.quiet
    ]
    return Reply(headers=(XML,), body=xml_out.document("DeleteResult", "".join(content)))


def _refusal(context: Context, bucket: str, doomed: xml_in.Doomed) -> Problem | None:
    if not context.may(Need(actions.DELETE_OBJECT.name, f"s3:{bucket}/{doomed.key}")):
        return Problem(errors.ACCESS_DENIED)
    try:
        check_key(doomed.key)
        require_null_version(doomed.version)
    except Problem as problem:
        return problem
    return None


def _deleted(doomed: xml_in.Doomed) -> str:
    version = xml_out.optional("VersionId", doomed.version)
    return f"<Deleted>{xml_out.element('Key', doomed.key)}{version}</Deleted>"


def _delete_error(doomed: xml_in.Doomed, problem: Problem) -> str:
    code, _ = wire(problem.fault)
    version = xml_out.optional("VersionId", doomed.version)
    return (
        f"<Error>{xml_out.element('Key', doomed.key)}{version}{xml_out.element('Code', code)}"
        f"{xml_out.element('Message', message(problem))}</Error>"
    )
