"""Who owns what others write: PutBucketOwnershipControls, GetBucketOwnershipControls, DeleteBucketOwnershipControls.

Spec: Amazon S3 API Reference, these operations; S3 User Guide, "Controlling ownership of objects and disabling ACLs for
your bucket".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.domain.storage.acls import ENFORCED, OWNERSHIPS
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import read_tree
from zotplus.protocols.s3.xml_out import XML

OWNERSHIP = "x-amz-object-ownership"
"""The header of CreateBucket."""
_DOCUMENT = "OwnershipControls"
_DOCUMENT_LIMIT = 4_096  # one rule with one word


def read_ownership(request: Request) -> str:
    """What a new bucket is to have; that lists do not count where nothing is said. Raises ``ARGUMENT_INVALID``."""
    text = request.header(OWNERSHIP)
    if text is not None and text not in OWNERSHIPS:
        detail = f"Invalid x-amz-object-ownership header: {text[:64]}"
        raise Problem(errors.ARGUMENT_INVALID, detail, ArgumentName=OWNERSHIP)
    return text or ENFORCED


class PutBucketOwnershipControls(msgspec.Struct, frozen=True, kw_only=True):
    """Controls in place of those that are there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_BUCKET_OWNERSHIP_CONTROLS.name, f"s3:{self.bucket}"),)


def parse_put_ownership(request: Request) -> PutBucketOwnershipControls:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketOwnershipControls(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_ownership(context: Context, operation: PutBucketOwnershipControls) -> Reply:
    """Raises ``XML_MALFORMED``, ``ACL_CONFLICT``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, _DOCUMENT_LIMIT)
    await context.services.sharing.put_ownership(operation.bucket, read_controls(document))
    return Reply()


def read_controls(document: bytes) -> str:
    """The one rule of OwnershipControls. Raises ``XML_MALFORMED``."""
    rules = read_tree(document, _DOCUMENT).children
    words = [child for rule in rules for child in rule.children]
    names = [element.name for element in (*rules, *words)]
    if names != ["Rule", "ObjectOwnership"] or words[0].children:
        raise Problem(errors.XML_MALFORMED, f"{_DOCUMENT} has one Rule with one ObjectOwnership.")
    found = words[0].text.strip()
    if found not in OWNERSHIPS:
        known = ", ".join(sorted(OWNERSHIPS))
        raise Problem(errors.XML_MALFORMED, f"ObjectOwnership is one of {known}, not {shown(found)}.")
    return found


class GetBucketOwnershipControls(msgspec.Struct, frozen=True, kw_only=True):
    """The controls that are set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (Need(actions.GET_BUCKET_OWNERSHIP_CONTROLS.name, f"s3:{self.bucket}"),)


def parse_get_ownership(request: Request) -> GetBucketOwnershipControls:
    """Only the name."""
    return GetBucketOwnershipControls(bucket=request.bucket)


async def get_ownership(context: Context, operation: GetBucketOwnershipControls) -> Reply:
    """Raises ``OWNERSHIP_MISSING``, ``BUCKET_NOT_FOUND``."""
    word = xml_out.element("ObjectOwnership", await context.services.sharing.ownership(operation.bucket))
    return Reply(headers=(XML,), body=xml_out.document(_DOCUMENT, f"<Rule>{word}</Rule>"))


class DeleteBucketOwnershipControls(msgspec.Struct, frozen=True, kw_only=True):
    """No controls any more: whoever writes an object owns it."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set them, as on Amazon."""
        return (Need(actions.PUT_BUCKET_OWNERSHIP_CONTROLS.name, f"s3:{self.bucket}"),)


def parse_delete_ownership(request: Request) -> DeleteBucketOwnershipControls:
    """Only the name."""
    return DeleteBucketOwnershipControls(bucket=request.bucket)


async def delete_ownership(context: Context, operation: DeleteBucketOwnershipControls) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    await context.services.sharing.put_ownership(operation.bucket, "")
    return Reply(status=204)


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="ownershipControls"),
        What(
            name="PutBucketOwnershipControls",
            summary="Set who owns what others write, and whether access control lists count.",
            action=actions.PUT_BUCKET_OWNERSHIP_CONTROLS,
            takes_body=True,
        ),
        parse_put_ownership,
        put_ownership,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="ownershipControls"),
        What(
            name="GetBucketOwnershipControls",
            summary="Read who owns what others write.",
            action=actions.GET_BUCKET_OWNERSHIP_CONTROLS,
        ),
        parse_get_ownership,
        get_ownership,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="ownershipControls"),
        What(
            name="DeleteBucketOwnershipControls",
            summary="Let access control lists count, and writers own what they write.",
            action=actions.PUT_BUCKET_OWNERSHIP_CONTROLS,
        ),
        parse_delete_ownership,
        delete_ownership,
    ),
)
