"""Tags of buckets: PutBucketTagging, GetBucketTagging, DeleteBucketTagging.

Spec: Amazon S3 API Reference, PutBucketTagging; S3 User Guide, "Using cost allocation S3 bucket tags".
"""

from collections.abc import Mapping

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.tags import BUCKET_TAGS, check_tags, decode_tags, encode_tags
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import Element, read_fields, read_tree
from zotplus.protocols.s3.xml_out import XML

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
)
