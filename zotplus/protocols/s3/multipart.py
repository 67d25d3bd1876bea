"""Operations on multipart uploads.

Spec: Amazon S3 API Reference, CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload,
AbortMultipartUpload, ListParts. The list of a bucket's uploads is in ``listing``.
"""

import msgspec

from zotplus.domain import actions, errors, ranges
from zotplus.domain.conditions import (
    WriteConditions,
    parse_copy_source_conditions,
    parse_write_conditions,
)
from zotplus.domain.copysource import copying
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.integrity.checksum_headers import parse_checksum, parse_multipart_checksum, parse_type
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.attributes import WRITE_HEADERS, checksum_headers, read_attributes, read_need, version_headers
from zotplus.protocols.s3.objects.reading import read_part_number
from zotplus.protocols.s3.objects.writing import ObjectWrite, settled_attributes, write_needs
from zotplus.protocols.s3.request import (
    Level,
    Request,
    argument_invalid,
    encoding_type,
    number,
    read_copy_source,
)
from zotplus.protocols.s3.rows import COPY_RANGE, COPY_SOURCE, What, When, row
from zotplus.protocols.s3.settings.encryption_headers import (
    COPY_SOURCE_CUSTOMER,
    CUSTOMER,
    encryption_headers,
    protection_headers,
    read_customer_key,
    require_source,
)
from zotplus.protocols.s3.settings.lifecycle.expiry import abort_headers, expiry_headers
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import Assembly, Attributes, Expected, PartInfo, PartSource

_PAGE = 1000  # S3 API Reference, max-parts
_UPLOAD_ID_LIMIT = 256
_SIZE_DIGITS = 19  # 2 ** 63 - 1


class CreateMultipartUpload(ObjectWrite, frozen=True, kw_only=True):
    """A new upload; ``checksum`` is algorithm and type."""

    attributes: Attributes
    checksum: tuple[str, str] | None

    def needs(self) -> tuple[Need, ...]:
        """To write it, and to set what comes with it."""
        return write_needs(self.bucket, self.key, self.attributes)


def parse_create(request: Request) -> CreateMultipartUpload:
    """Raises what reading of attributes does, ``ARGUMENT_INVALID``, ``REQUEST_INVALID``."""
    checksum = parse_multipart_checksum(request.head.headers)
    return CreateMultipartUpload(
        bucket=request.bucket,
        key=request.key,
        attributes=read_attributes(request),
        checksum=None if checksum is None else (checksum.algorithm.value, checksum.type.value),
    )


async def create(context: Context, operation: CreateMultipartUpload) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    attributes = await settled_attributes(context, operation.bucket, operation.attributes)
    upload = await context.services.multipart.create(
        operation.bucket, operation.key, context.principal.id, attributes, operation.checksum
    )
    headers = [XML, *encryption_headers(upload.attributes.protection, attributes.protection)]
    if operation.checksum is not None:
        algorithm, kind = operation.checksum
        headers += [("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", kind)]
    headers += await abort_headers(context, operation.bucket, upload)
    content = _names(operation.bucket, operation.key) + xml_out.element("UploadId", upload.upload_id)
    return Reply(headers=tuple(headers), body=xml_out.document("InitiateMultipartUploadResult", content))


def _names(bucket: str, key: str) -> str:
    return f"{xml_out.element('Bucket', bucket)}{xml_out.element('Key', key)}"


def _upload_id(request: Request) -> str:
    """The query's ``uploadId``. Raises ``UPLOAD_NOT_FOUND`` for one that was never given out."""
    upload_id = request.query["uploadId"]
    if not upload_id or len(upload_id) > _UPLOAD_ID_LIMIT or not upload_id.isascii():
        raise Problem(errors.UPLOAD_NOT_FOUND, upload_id=upload_id[:_UPLOAD_ID_LIMIT])
    return upload_id


class _OneUpload(ObjectWrite, frozen=True, kw_only=True):
    upload_id: str


class UploadPart(_OneUpload, frozen=True, kw_only=True):
    """One part's content."""

    number: int
    customer_key: bytes
    body: payload.Incoming


def parse_upload_part(request: Request) -> UploadPart:
    """Raises ``ARGUMENT_INVALID``, ``UPLOAD_NOT_FOUND``, and what reading of the body's headers does."""
    return UploadPart(
        bucket=request.bucket,
        key=request.key,
        upload_id=_upload_id(request),
        number=read_part_number(request),
        customer_key=read_customer_key(request),
        body=payload.parse_incoming(request),
    )


async def upload_part(context: Context, operation: UploadPart) -> Reply:
    """Raises what ``Multipart.put_part`` does."""
    source = msgspec.structs.replace(payload.open_source(context, operation.body), customer_key=operation.customer_key)
    part = await context.services.multipart.put_part(
        operation.bucket, operation.key, operation.upload_id, operation.number, source
    )
    checksum = checksum_headers(part.checksum)[:1]  # a part has no checksum type
    told = protection_headers(part.protection, operation.customer_key)
    return Reply(headers=(("ETag", f'"{part.etag}"'), *checksum, *told))


class UploadPartCopy(_OneUpload, frozen=True, kw_only=True):
    """A part from another object's bytes."""

    number: int
    source: PartSource

    def needs(self) -> tuple[Need, ...]:
        """To write the object and to read the source."""
        source = self.source
        (write,) = super().needs()
        read = read_need(source.bucket, source.key, source.version)
        return (copying(write, source.bucket, source.key), read)


def parse_upload_part_copy(request: Request) -> UploadPartCopy:
    """Raises ``ARGUMENT_INVALID``, ``UPLOAD_NOT_FOUND``, ``COPY_SOURCE_INVALID``."""
    range_text = request.header(COPY_RANGE)
    span = None
    if range_text is not None:
        asked = ranges.parse_copy_range(range_text)
        span = (asked.first, asked.last)
    source = read_copy_source(request)
    return UploadPartCopy(
        bucket=request.bucket,
        key=request.key,
        upload_id=_upload_id(request),
        number=read_part_number(request),
        source=PartSource(
            bucket=source.bucket,
            key=source.key,
            version=source.version_id or "",
            wanted=span,
            conditions=parse_copy_source_conditions(request.head.headers),
            customer_key=read_customer_key(request, COPY_SOURCE_CUSTOMER),
            part_key=read_customer_key(request),
        ),
    )


async def upload_part_copy(context: Context, operation: UploadPartCopy) -> Reply:
    """Raises what ``Multipart.copy_part`` does."""
    await require_source(context, operation.source)
    part = await context.services.multipart.copy_part(
        operation.bucket,
        operation.key,
        operation.upload_id,
        operation.number,
        operation.source,
    )
    content = (
        f"<LastModified>{xml_out.timestamp(part.modified)}</LastModified>{xml_out.etag(part.etag)}"
        f"{xml_out.checksum_elements(part.checksum, with_type=False)}"
    )
    version = operation.source.version
    headers = (XML, ("x-amz-copy-source-version-id", version)) if version else (XML,)
    told = protection_headers(part.protection, operation.source.part_key)
    return Reply(headers=(*headers, *told), body=xml_out.document("CopyPartResult", content))


class CompleteMultipartUpload(_OneUpload, frozen=True, kw_only=True):
    """The end of an upload; the body lists the parts. ``location`` is the object's address for the answer."""

    conditions: WriteConditions
    location: str
    expected: Expected
    checksum_type: str | None
    body: payload.Incoming


def parse_complete(request: Request) -> CompleteMultipartUpload:
    """Raises ``UPLOAD_NOT_FOUND``, and what reading of conditions and body headers does."""
    head = request.head
    return CompleteMultipartUpload(
        bucket=request.bucket,
        key=request.key,
        upload_id=_upload_id(request),
        conditions=parse_write_conditions(request.head.headers),
        location=f"{head.scheme}://{head.host}{head.raw_path}",
        expected=_expected(request),
        checksum_type=parse_type(request.head.headers),
        body=payload.parse_incoming(request, needs_length=False, has_checksum=False),
    )


def _expected(request: Request) -> Expected:
    """What the client says about the whole object: in this operation the checksum headers are not the body's."""
    claim = parse_checksum(request.head.headers, composite=True)
    if claim is not None and claim.value is None:
        claim = None  # a trailer is the body's
    size_text = request.header("x-amz-mp-object-size")
    if size_text is not None and size_text.startswith("-"):
        raise Problem(
            errors.REQUEST_INVALID, f"Value for x-amz-mp-object-size header is less than zero: '{size_text[:64]}'"
        )
    if size_text is not None and not (size_text.isascii() and size_text.isdigit() and len(size_text) <= _SIZE_DIGITS):
        raise argument_invalid("x-amz-mp-object-size", size_text, "x-amz-mp-object-size must be a number of bytes.")
    return Expected(
        size=None if size_text is None else int(size_text),
        algorithm=None if claim is None else claim.algorithm.value,
        checksum=None if claim is None else claim.value,
    )


async def complete(context: Context, operation: CompleteMultipartUpload) -> Reply:
    """Raises ``XML_MALFORMED``, and what ``Multipart.complete`` does."""
    parts = xml_in.read_complete(await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT))
    info = await context.services.multipart.complete(
        operation.bucket,
        operation.key,
        operation.upload_id,
        Assembly(parts=parts, expected=operation.expected, checksum_type=operation.checksum_type, by=context.actor),
        operation.conditions,
    )
    content = (
        f"{xml_out.element('Location', operation.location)}{_names(operation.bucket, operation.key)}"
        f"{xml_out.etag(info.etag)}{xml_out.checksum_elements(info.checksum)}"
    )
    told = protection_headers(info.attributes.protection)
    headers = (XML, *version_headers(info), *told, *await expiry_headers(context, operation.bucket, info))
    return Reply(headers=headers, body=xml_out.document("CompleteMultipartUploadResult", content))


class AbortMultipartUpload(_OneUpload, frozen=True, kw_only=True):
    """The end of an upload without an object."""

    def needs(self) -> tuple[Need, ...]:
        """To abort it."""
        return (Need(actions.ABORT_MULTIPART_UPLOAD.name, f"s3:{self.bucket}/{self.key}"),)


def parse_abort(request: Request) -> AbortMultipartUpload:
    """Raises ``UPLOAD_NOT_FOUND``."""
    return AbortMultipartUpload(bucket=request.bucket, key=request.key, upload_id=_upload_id(request))


async def abort(context: Context, operation: AbortMultipartUpload) -> Reply:
    """Raises what ``Multipart.abort`` does."""
    await context.services.multipart.abort(operation.bucket, operation.key, operation.upload_id)
    return Reply(status=204)


class ListParts(_OneUpload, frozen=True, kw_only=True):
    """The parts of an upload with numbers above ``after``."""

    after: int
    limit: int
    encoding: str

    def needs(self) -> tuple[Need, ...]:
        """To list them."""
        return (Need(actions.LIST_MULTIPART_UPLOAD_PARTS.name, f"s3:{self.bucket}/{self.key}"),)


def parse_list_parts(request: Request) -> ListParts:
    """Raises ``ARGUMENT_INVALID``, ``UPLOAD_NOT_FOUND``."""
    return ListParts(
        bucket=request.bucket,
        key=request.key,
        upload_id=_upload_id(request),
        after=number(request.query, "part-number-marker", 0, 2**31 - 1),
        limit=number(request.query, "max-parts", _PAGE, _PAGE),
        encoding=encoding_type(request.query),
    )


async def list_parts(context: Context, operation: ListParts) -> Reply:
    """Raises what ``Multipart.list_parts`` does."""
    upload, parts, more = await context.services.multipart.list_parts(
        operation.bucket, operation.key, operation.upload_id, operation.after, operation.limit
    )
    following = xml_out.element("NextPartNumberMarker", parts[-1].number if parts else 0)
    encode = xml_out.key_encoder(operation.encoding)
    content = (
        f"{xml_out.element('Bucket', operation.bucket)}<Key>{encode(operation.key)}</Key>"
        f"{xml_out.optional('EncodingType', operation.encoding)}"
        f"{xml_out.element('UploadId', upload.upload_id)}{xml_out.principal('Initiator', upload.initiator)}"
        f"{xml_out.principal('Owner', upload.initiator)}"
        f"{xml_out.element('StorageClass', upload.attributes.storage_class)}"
        f"{xml_out.element('PartNumberMarker', operation.after)}{following}"
        f"{xml_out.element('MaxParts', operation.limit)}{xml_out.truncated(more and operation.limit > 0)}"
        f"{xml_out.optional('ChecksumAlgorithm', upload.checksum_algorithm)}"
        f"{xml_out.optional('ChecksumType', upload.checksum_type)}{''.join(map(_part, parts))}"
    )
    headers = (XML, *await abort_headers(context, operation.bucket, upload))
    return Reply(headers=headers, body=xml_out.document("ListPartsResult", content))


def _part(part: PartInfo) -> str:
    return (
        f"<Part><PartNumber>{part.number}</PartNumber>"
        f"<LastModified>{xml_out.timestamp(part.modified)}</LastModified>{xml_out.etag(part.etag)}"
        f"<Size>{part.size}</Size>{xml_out.checksum_elements(part.checksum, with_type=False)}</Part>"
    )


ROWS = (
    row(
        When(level=Level.OBJECT, method="GET", query="uploadId", headers=CUSTOMER),
        What(name="ListParts", summary="List an upload's parts.", action=actions.LIST_MULTIPART_UPLOAD_PARTS),
        parse_list_parts,
        list_parts,
    ),
    row(
        When(
            level=Level.OBJECT,
            method="PUT",
            query="partNumber uploadId",
            header=COPY_SOURCE,
            headers=f"{CUSTOMER} {COPY_SOURCE_CUSTOMER}",
        ),
        What(name="UploadPartCopy", summary="Upload a part from another object.", action=actions.PUT_OBJECT),
        parse_upload_part_copy,
        upload_part_copy,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", query="partNumber uploadId", headers=CUSTOMER),
        What(name="UploadPart", summary="Upload a part.", action=actions.PUT_OBJECT, takes_body=True),
        parse_upload_part,
        upload_part,
    ),
    row(
        When(level=Level.OBJECT, method="POST", query="uploads", headers=WRITE_HEADERS),
        What(name="CreateMultipartUpload", summary="Begin a multipart upload.", action=actions.PUT_OBJECT),
        parse_create,
        create,
    ),
    row(
        When(level=Level.OBJECT, method="POST", query="uploadId", headers=CUSTOMER),
        What(
            name="CompleteMultipartUpload",
            summary="Make an uploaded object visible.",
            action=actions.PUT_OBJECT,
            takes_body=True,
        ),
        parse_complete,
        complete,
    ),
    row(
        When(level=Level.OBJECT, method="DELETE", query="uploadId"),
        What(name="AbortMultipartUpload", summary="Abort an upload.", action=actions.ABORT_MULTIPART_UPLOAD),
        parse_abort,
        abort,
    ),
)
