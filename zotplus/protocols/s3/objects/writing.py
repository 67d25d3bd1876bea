"""Writing objects: PUT and copies.

Spec: Amazon S3 API Reference, PutObject, CopyObject.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.conditions import (
    WriteConditions,
    parse_copy_source_conditions,
    parse_write_conditions,
)
from zotplus.domain.copysource import copying
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.integrity.checksum_headers import parse_algorithm
from zotplus.domain.storage.tags import tag_keys
from zotplus.domain.versions import NULL
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.attributes import (
    STORAGE_CLASS,
    WRITE_HEADERS,
    checksum_headers,
    metadata_directive,
    read_attributes,
    read_need,
    read_redirect,
    read_storage_class,
    version_headers,
)
from zotplus.protocols.s3.request import (
    Level,
    Request,
    read_copy_source,
)
from zotplus.protocols.s3.rows import COPY_RANGE, COPY_SOURCE, What, When, row
from zotplus.protocols.s3.settings.encryption_headers import (
    COPY_SOURCE_CUSTOMER,
    encryption_headers,
    read_customer_key,
    read_protection,
    require_source,
    settled,
)
from zotplus.protocols.s3.settings.lifecycle.expiry import expiry_headers
from zotplus.protocols.s3.settings.lock_headers import lock_keys, lock_needs, read_lock
from zotplus.protocols.s3.settings.tag_headers import read_tags, tag_needs, tagging_need
from zotplus.protocols.s3.sharing.list_documents import list_needs, read_grants
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import Attributes, Copy, ObjectInfo, Selection

_LOCK_UNCHECKED = (  # Amazon's sentence
    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
)


class ObjectWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What all operations share that write an object, at once or in parts."""

    bucket: str
    key: str

    def needs(self) -> tuple[Need, ...]:
        """To write it."""
        return (Need(actions.PUT_OBJECT.name, f"s3:{self.bucket}/{self.key}"),)


def write_needs(bucket: str, key: str, attributes: Attributes) -> tuple[Need, ...]:
    """What must be allowed to write an object with these attributes."""
    resource = f"s3:{bucket}/{key}"
    keys = lock_keys(attributes.lock) | tag_keys(attributes.tags)
    need = Need(actions.PUT_OBJECT.name, resource, keys)
    beside = (*lock_needs(attributes.lock, resource), *tag_needs(attributes.tags, resource))
    return (need, *beside, *list_needs(attributes.acl, resource))


class PutObject(ObjectWrite, frozen=True, kw_only=True):
    """An object's new content."""

    attributes: Attributes
    conditions: WriteConditions
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To write it, and to set what comes with it."""
        return write_needs(self.bucket, self.key, self.attributes)


def parse_put_object(request: Request) -> PutObject:
    """Raises what reading of body headers, attributes and conditions does."""
    incoming = payload.parse_incoming(request)
    attributes = read_attributes(request, is_chunked=incoming.is_chunked)
    if attributes.lock is not None and not incoming.is_vouched_for:
        raise Problem(errors.REQUEST_INVALID, _LOCK_UNCHECKED)
    return PutObject(
        bucket=request.bucket,
        key=request.key,
        attributes=attributes,
        conditions=parse_write_conditions(request.head.headers),
        body=incoming,
    )


async def put_object(context: Context, operation: PutObject) -> Reply:
    """Raises what ``Objects.put`` does."""
    attributes = await settled_attributes(context, operation.bucket, operation.attributes)
    info = await context.services.objects.put(
        operation.bucket,
        operation.key,
        payload.open_source(context, operation.body),
        attributes,
        operation.conditions,
    )
    told = encryption_headers(info.attributes.protection, attributes.protection)
    return Reply(headers=(*written_headers(info), *told, *await expiry_headers(context, operation.bucket, info)))


async def settled_attributes(context: Context, bucket: str, attributes: Attributes) -> Attributes:
    """With the encryption that the object is to have, by the bucket's default too. Raises as ``settled``."""
    protection = await settled(context, bucket, attributes.protection)
    if protection is attributes.protection:
        return attributes
    return msgspec.structs.replace(attributes, protection=protection)


def written_headers(info: ObjectInfo) -> tuple[tuple[str, str], ...]:
    """What is told of an object that was just written: nothing of a version where versioning is suspended."""
    version = () if info.version == NULL else version_headers(info)
    size = ("x-amz-object-size", str(info.size))
    return (("ETag", f'"{info.etag}"'), *version, size, *checksum_headers(info.checksum))


class CopyObject(msgspec.Struct, frozen=True, kw_only=True):
    """A copy."""

    wanted: Copy

    def needs(self) -> tuple[Need, ...]:
        """To write the target and to read the source."""
        write, *beside = write_needs(*self.wanted.target, self.wanted.target_attributes)
        read = read_need(*self.wanted.source, self.wanted.source_version)
        return (copying(write, *self.wanted.source), *beside, read)


def parse_copy_object(request: Request) -> CopyObject:
    """Raises ``COPY_SOURCE_INVALID``, ``REQUEST_INVALID``, ``OPERATION_UNKNOWN``, and what attributes do."""
    if request.header(COPY_RANGE) is not None:
        raise Problem(errors.OPERATION_UNKNOWN, "Only UploadPartCopy copies a part of an object.", Header=COPY_RANGE)
    replaces = metadata_directive(request, "x-amz-metadata-directive")
    algorithm = parse_algorithm(request.head.headers)
    replaces_tags = metadata_directive(request, "x-amz-tagging-directive")
    source = read_copy_source(request)
    # As Amazon: a copy has the class that is asked for, whatever its source's is. Only who asks can mean a copy onto
    # itself that changes nothing else.
    names_class = request.header(STORAGE_CLASS) is not None
    is_onto_itself = (source.bucket, source.key) == (request.bucket, request.key)
    return CopyObject(
        wanted=Copy(
            source=(source.bucket, source.key),
            source_version=source.version_id or "",
            target=(request.bucket, request.key),
            attributes=read_attributes(request) if replaces else None,
            target_attributes=Attributes(
                headers={} if replaces else read_redirect(request),
                lock=read_lock(request.header),
                tags=read_tags(request.header),
                protection=read_protection(request),
                acl=read_grants(request.header),
            ),
            source_key=read_customer_key(request, COPY_SOURCE_CUSTOMER),
            keeps_tags=not replaces_tags,
            storage_class=read_storage_class(request) if names_class or not is_onto_itself else None,
            algorithm=None if algorithm is None else algorithm.value,
            conditions=parse_copy_source_conditions(request.head.headers),
            target_conditions=parse_write_conditions(request.head.headers),
        )
    )


async def copy_object(context: Context, operation: CopyObject) -> Reply:
    """Raises what ``Objects.copy`` does."""
    wanted = msgspec.structs.replace(operation.wanted, by=context.actor)
    asked = wanted.target_attributes
    if not wanted.changes_nothing:
        await require_source(context, wanted)
        target = await settled_attributes(context, wanted.target[0], wanted.target_attributes)
        wanted = msgspec.structs.replace(wanted, target_attributes=target)
    if wanted.keeps_tags:
        wanted = msgspec.structs.replace(wanted, keeps_tags=await _keeps_tags(context, wanted))
    info = await context.services.objects.copy(wanted)
    content = (
        f"<LastModified>{xml_out.timestamp(info.modified)}</LastModified>{xml_out.etag(info.etag)}"
        f"{xml_out.checksum_elements(info.checksum)}"
    )
    expiry = await expiry_headers(context, wanted.target[0], info)
    told = encryption_headers(info.attributes.protection, asked.protection)
    headers = (XML, *version_headers(info), *_source_version(wanted), *told, *expiry)
    return Reply(headers=headers, body=xml_out.document("CopyObjectResult", content))


async def _keeps_tags(context: Context, wanted: Copy) -> bool:
    """Whether the source has tags, which the caller may then read and set: tags can decide about rights.

    Raises ``ACCESS_DENIED``. A source that gets its first tags from here on is copied without them.
    """
    try:
        selection = Selection(version=wanted.source_version, keyless=True)
        source = await context.services.objects.head(*wanted.source, selection)
    except Problem:
        return wanted.changes_nothing  # the copy says what is wrong with it
    tags = source.attributes.tags
    if tags:
        require(context, tagging_need("Get", "s3:{}/{}".format(*wanted.source), wanted.source_version))
        require(context, tagging_need("Put", "s3:{}/{}".format(*wanted.target), "", tags))
    return bool(tags) or wanted.changes_nothing


def _source_version(wanted: Copy) -> tuple[tuple[str, str], ...]:
    return (("x-amz-copy-source-version-id", wanted.source_version),) if wanted.source_version else ()


ROWS = (
    row(
        When(
            level=Level.OBJECT,
            method="PUT",
            header=COPY_SOURCE,
            headers=f"{WRITE_HEADERS} {COPY_SOURCE_CUSTOMER}",
        ),
        What(name="CopyObject", summary="Copy an object.", action=actions.PUT_OBJECT),
        parse_copy_object,
        copy_object,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", headers=WRITE_HEADERS),
        What(name="PutObject", summary="Write an object.", action=actions.PUT_OBJECT, takes_body=True),
        parse_put_object,
        put_object,
    ),
)
