"""Tags of buckets and objects: to put, get and delete them. Those that come with an object are in ``tag_headers``.

Spec: Amazon S3 API Reference, PutBucketTagging, PutObjectTagging; S3 User Guide, "Using cost allocation S3 bucket tags"
and "Categorizing your objects using tags".
"""

from collections.abc import Mapping

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.tags import BUCKET_TAGS, OBJECT_TAGS, check_tags, decode_tags, encode_tags
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.attributes import version_headers
from zotplus.protocols.s3.request import Level, Request, read_version
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.tag_headers import tagging_need
from zotplus.protocols.s3.xml_in import Element, read_fields, read_tree
from zotplus.protocols.s3.xml_out import XML
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ObjectRecord
from zotplus.services.projections import with_extras
from zotplus.services.values import Actor, ObjectInfo, Selection

DOCUMENT_LIMIT = 131_072
"""Bytes of a Tagging document: fifty tags of 384 units, escaped, take less."""
_KIND = "tagging"


class PutBucketTagging(msgspec.Struct, frozen=True, kw_only=True):
    """Tags in place of those that are there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_BUCKET_TAGGING.name, f"s3:{self.bucket}"),)


def parse_put_bucket_tagging(request: Request) -> PutBucketTagging:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketTagging(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_bucket_tagging(context: Context, operation: PutBucketTagging) -> Reply:
    """Raises ``XML_MALFORMED``, ``TAG_INVALID``, ``TAGS_TOO_MANY``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    tags = read_tagging(document, BUCKET_TAGS)
    await context.services.documents.put(operation.bucket, _KIND, encode_tags(tags))
    return Reply(status=204)


class GetBucketTagging(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket's tags."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (Need(actions.GET_BUCKET_TAGGING.name, f"s3:{self.bucket}"),)


def parse_get_bucket_tagging(request: Request) -> GetBucketTagging:
    """Only the name."""
    return GetBucketTagging(bucket=request.bucket)


async def get_bucket_tagging(context: Context, operation: GetBucketTagging) -> Reply:
    """Raises ``TAGS_MISSING``, ``BUCKET_NOT_FOUND``."""
    data = await context.services.documents.require(operation.bucket, _KIND, errors.TAGS_MISSING)
    return Reply(headers=(XML,), body=tagging_document(decode_tags(data)))


class DeleteBucketTagging(msgspec.Struct, frozen=True, kw_only=True):
    """No tags any more."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set them, as on Amazon."""
        return (Need(actions.PUT_BUCKET_TAGGING.name, f"s3:{self.bucket}"),)


def parse_delete_bucket_tagging(request: Request) -> DeleteBucketTagging:
    """Only the name."""
    return DeleteBucketTagging(bucket=request.bucket)


async def delete_bucket_tagging(context: Context, operation: DeleteBucketTagging) -> Reply:
    """No error where there are none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.documents.delete(operation.bucket, _KIND)
    return Reply(status=204)


class _OfObject(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version: str

    @property
    def resource(self) -> str:
        """The object, as policies name it."""
        return f"s3:{self.bucket}/{self.key}"


class PutObjectTagging(_OfObject, frozen=True, kw_only=True):
    """Tags in place of those that a version has."""

    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """Nothing beforehand: conditions may be about the tags, which the body says."""
        return ()


def parse_put_object_tagging(request: Request) -> PutObjectTagging:
    """Raises what ``payload.parse_incoming`` does, ``ARGUMENT_INVALID``."""
    return PutObjectTagging(
        bucket=request.bucket,
        key=request.key,
        version=read_version(request),
        body=payload.parse_incoming(request),
    )


async def put_object_tagging(context: Context, operation: PutObjectTagging) -> Reply:
    """Raises ``XML_MALFORMED``, ``TAG_INVALID``, ``TAGS_TOO_MANY``, and what ``Objects.change`` does.

    Who may not set any tags learns nothing of those in the body.
    """
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    need = tagging_need("Put", operation.resource, operation.version)
    await gather(context, (need,))
    try:
        tags = read_tagging(document, OBJECT_TAGS)
    except Problem:
        require(context, need)
        raise
    require(context, tagging_need("Put", operation.resource, operation.version, tags))
    told = ("ObjectTagging:Put", context.actor)
    info = await _change(context, operation, tags, told)
    return Reply(headers=version_headers(info))


class GetObjectTagging(_OfObject, frozen=True, kw_only=True):
    """The tags of a version."""

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (tagging_need("Get", self.resource, self.version),)


def parse_get_object_tagging(request: Request) -> GetObjectTagging:
    """Raises ``ARGUMENT_INVALID``."""
    return GetObjectTagging(bucket=request.bucket, key=request.key, version=read_version(request))


async def get_object_tagging(context: Context, operation: GetObjectTagging) -> Reply:
    """An object without tags has an empty set. Raises what ``Objects.head`` does."""
    selection = Selection(version=operation.version, keyless=True)
    info = await context.services.objects.head(operation.bucket, operation.key, selection)
    return Reply(headers=(XML, *version_headers(info)), body=tagging_document(info.attributes.tags))


class DeleteObjectTagging(_OfObject, frozen=True, kw_only=True):
    """No tags any more."""

    def needs(self) -> tuple[Need, ...]:
        """To remove them."""
        return (tagging_need("Delete", self.resource, self.version),)


def parse_delete_object_tagging(request: Request) -> DeleteObjectTagging:
    """Raises ``ARGUMENT_INVALID``."""
    return DeleteObjectTagging(bucket=request.bucket, key=request.key, version=read_version(request))


async def delete_object_tagging(context: Context, operation: DeleteObjectTagging) -> Reply:
    """No error where there are none. Raises what ``Objects.change`` does."""
    info = await _change(context, operation, {}, ("ObjectTagging:Delete", context.actor))
    return Reply(status=204, headers=version_headers(info))


async def _change(context: Context, operation: _OfObject, tags: dict[str, str], told: tuple[str, Actor]) -> ObjectInfo:
    def change(_bucket: BucketRecord, record: ObjectRecord) -> ObjectRecord:
        return with_extras(record, tags=tags)

    return await context.services.objects.change(operation.bucket, operation.key, operation.version, change, told)


def read_tagging(document: bytes, limit: int) -> dict[str, str]:
    """The tags of a Tagging document. Raises ``XML_MALFORMED``, ``TAG_INVALID``, ``TAGS_TOO_MANY``."""
    root = read_tree(document, "Tagging")
    if len(root.children) != 1:
        raise Problem(errors.XML_MALFORMED, "Tagging holds one TagSet.")
    return read_tag_set(root.children[0], limit)


def read_tag_set(element: Element, limit: int) -> dict[str, str]:
    """The tags of a TagSet, or of the Tags of a new bucket. Raises as ``read_tagging``."""
    if element.name not in ("TagSet", "Tags"):
        raise Problem(errors.XML_MALFORMED, "Tagging holds one TagSet.")
    pairs = []
    for child in element.children:
        fields = read_fields(child, {"Key", "Value"}) if child.name == "Tag" else {}
        if len(fields) != 2:  # noqa: PLR2004 - both of them
            raise Problem(errors.XML_MALFORMED, "A Tag has a Key and a Value.")
        pairs.append((fields["Key"], fields["Value"]))
    return check_tags(pairs, limit=limit)


def read_initial_tags(document: bytes) -> dict[str, str]:
    """The tags of CreateBucketConfiguration; none for no body. Raises as ``read_tagging``."""
    if not document:
        return {}
    found = [child for child in read_tree(document, "CreateBucketConfiguration").children if child.name == "Tags"]
    if len(found) > 1:
        raise Problem(errors.XML_MALFORMED, "CreateBucketConfiguration holds Tags once.")
    return read_tag_set(found[0], BUCKET_TAGS) if found else {}


def tagging_document(tags: Mapping[str, str]) -> bytes:
    """``tags`` as a Tagging document."""
    found = "".join(
        [f"<Tag>{xml_out.element('Key', key)}{xml_out.element('Value', value)}</Tag>" for key, value in tags.items()]
    )
    return xml_out.document("Tagging", f"<TagSet>{found}</TagSet>")


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="tagging"),
        What(
            name="PutBucketTagging",
            summary="Set a bucket's tags.",
            action=actions.PUT_BUCKET_TAGGING,
            takes_body=True,
        ),
        parse_put_bucket_tagging,
        put_bucket_tagging,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="tagging"),
        What(name="GetBucketTagging", summary="Read a bucket's tags.", action=actions.GET_BUCKET_TAGGING),
        parse_get_bucket_tagging,
        get_bucket_tagging,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="tagging"),
        What(name="DeleteBucketTagging", summary="Remove a bucket's tags.", action=actions.PUT_BUCKET_TAGGING),
        parse_delete_bucket_tagging,
        delete_bucket_tagging,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", query="tagging", also="versionId"),
        What(
            name="PutObjectTagging",
            summary="Set an object's tags.",
            action=actions.PUT_OBJECT_TAGGING,
            version_action=actions.PUT_OBJECT_VERSION_TAGGING,
            decides=True,
            takes_body=True,
        ),
        parse_put_object_tagging,
        put_object_tagging,
    ),
    row(
        When(level=Level.OBJECT, method="GET", query="tagging", also="versionId"),
        What(
            name="GetObjectTagging",
            summary="Read an object's tags.",
            action=actions.GET_OBJECT_TAGGING,
            version_action=actions.GET_OBJECT_VERSION_TAGGING,
        ),
        parse_get_object_tagging,
        get_object_tagging,
    ),
    row(
        When(level=Level.OBJECT, method="DELETE", query="tagging", also="versionId"),
        What(
            name="DeleteObjectTagging",
            summary="Remove an object's tags.",
            action=actions.DELETE_OBJECT_TAGGING,
            version_action=actions.DELETE_OBJECT_VERSION_TAGGING,
        ),
        parse_delete_object_tagging,
        delete_object_tagging,
    ),
)
