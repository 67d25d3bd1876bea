"""What may not be opened to the public: PutPublicAccessBlock, GetPublicAccessBlock, DeletePublicAccessBlock.

Spec: Amazon S3 API Reference, these operations; S3 User Guide, "Blocking public access to your Amazon S3 storage".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import read_tree
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.sharing.values import PublicAccessBlock

_DOCUMENT = "PublicAccessBlockConfiguration"
_DOCUMENT_LIMIT = 4_096  # four words of true or false
_FIELDS = {
    "BlockPublicAcls": "block_acls",
    "IgnorePublicAcls": "ignore_acls",
    "BlockPublicPolicy": "block_policy",
    "RestrictPublicBuckets": "restrict",
}
_WORDS = {"true": True, "false": False}


class PutPublicAccessBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block in place of the one that is there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return (Need(actions.PUT_BUCKET_PUBLIC_ACCESS_BLOCK.name, f"s3:{self.bucket}"),)


def parse_put_public_access_block(request: Request) -> PutPublicAccessBlock:
    """Raises what ``payload.parse_incoming`` does."""
    return PutPublicAccessBlock(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_public_access_block(context: Context, operation: PutPublicAccessBlock) -> Reply:
    """Raises ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, _DOCUMENT_LIMIT)
    await context.services.sharing.put_block(operation.bucket, read_block(document))
    return Reply()


def read_block(document: bytes) -> PublicAccessBlock:
    """A PublicAccessBlockConfiguration; what it does not say is false. Raises ``XML_MALFORMED``."""
    found: dict[str, bool] = {}
    for child in read_tree(document, _DOCUMENT).children:
        name, value = _FIELDS.get(child.name), _WORDS.get(child.text.strip().lower())
        if name is None or name in found or child.children:
            raise Problem(errors.XML_MALFORMED, f"{child.name} does not belong into {_DOCUMENT}, or not twice.")
        if value is None:
            raise Problem(errors.XML_MALFORMED, f"{child.name} is true or false, not {shown(child.text.strip())}.")
        found[name] = value
    return PublicAccessBlock(**found)


class GetPublicAccessBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The block that is set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_BUCKET_PUBLIC_ACCESS_BLOCK.name, f"s3:{self.bucket}"),)


def parse_get_public_access_block(request: Request) -> GetPublicAccessBlock:
    """Only the name."""
    return GetPublicAccessBlock(bucket=request.bucket)


async def get_public_access_block(context: Context, operation: GetPublicAccessBlock) -> Reply:
    """Raises ``PUBLIC_ACCESS_BLOCK_MISSING``, ``BUCKET_NOT_FOUND``."""
    block = msgspec.structs.asdict(await context.services.sharing.block(operation.bucket))
    content = [xml_out.element(name, "true" if block[field] else "false") for name, field in _FIELDS.items()]
    return Reply(headers=(XML,), body=xml_out.document(_DOCUMENT, "".join(content)))


class DeletePublicAccessBlock(msgspec.Struct, frozen=True, kw_only=True):
    """No block any more."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set it, as on Amazon."""
        return (Need(actions.PUT_BUCKET_PUBLIC_ACCESS_BLOCK.name, f"s3:{self.bucket}"),)


def parse_delete_public_access_block(request: Request) -> DeletePublicAccessBlock:
    """Only the name."""
    return DeletePublicAccessBlock(bucket=request.bucket)


async def delete_public_access_block(context: Context, operation: DeletePublicAccessBlock) -> Reply:
    """No error where there is none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.sharing.put_block(operation.bucket, None)
    return Reply(status=204)


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="publicAccessBlock"),
        What(
            name="PutPublicAccessBlock",
            summary="Set what a bucket's policy and lists may not open to the public.",
            action=actions.PUT_BUCKET_PUBLIC_ACCESS_BLOCK,
            takes_body=True,
        ),
        parse_put_public_access_block,
        put_public_access_block,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="publicAccessBlock"),
        What(
            name="GetPublicAccessBlock",
            summary="Read what a bucket's policy and lists may not open to the public.",
            action=actions.GET_BUCKET_PUBLIC_ACCESS_BLOCK,
        ),
        parse_get_public_access_block,
        get_public_access_block,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="publicAccessBlock"),
        What(
            name="DeletePublicAccessBlock",
            summary="Let a bucket's policy and lists open anything to the public.",
            action=actions.PUT_BUCKET_PUBLIC_ACCESS_BLOCK,
        ),
        parse_delete_public_access_block,
        delete_public_access_block,
    ),
)
