"""Access control lists: GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl.

Spec: Amazon S3 API Reference, these operations; S3 User Guide, "Access control list (ACL) overview".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.acls import CANNED, CANNED_FOR_BUCKETS, ENFORCED, Lines
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload
from zotplus.protocols.s3.attributes import VERSION_HEADER
from zotplus.protocols.s3.request import Level, Request, read_version
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.sharing.list_documents import HEADERS, list_document, read_grants, read_list
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.sharing.values import Address, AskedList

_DOCUMENT_LIMIT = 65_536  # bytes: a hundred grants of some 300 with room


class _List(msgspec.Struct, frozen=True, kw_only=True):
    """A list of a bucket, or of an object or version in it."""

    address: Address

    def need(self, of_bucket: Action, of_object: Action, of_version: Action) -> tuple[Need, ...]:
        """The action that fits the address."""
        where = self.address
        if not where.key:
            return (Need(of_bucket.name, f"s3:{where.bucket}"),)
        resource = f"s3:{where.bucket}/{where.key}"
        if where.version:
            return (Need(of_version.name, resource, {"s3:versionid": where.version}),)
        return (Need(of_object.name, resource),)


def _address(request: Request) -> Address:
    version = read_version(request) if request.key else ""
    return Address(bucket=request.bucket, key=request.key, version=version)


class GetAcl(_List, frozen=True, kw_only=True):
    """The list as it is."""

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return self.need(actions.GET_BUCKET_ACL, actions.GET_OBJECT_ACL, actions.GET_OBJECT_VERSION_ACL)


def parse_get_acl(request: Request) -> GetAcl:
    """Raises ``ARGUMENT_INVALID`` for an empty version."""
    return GetAcl(address=_address(request))


async def get_bucket_acl(context: Context, operation: GetAcl) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    found = await context.services.sharing.bucket_list(operation.address.bucket)
    return Reply(headers=(XML,), body=list_document(found))


async def get_object_acl(context: Context, operation: GetAcl) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``, ``VERSION_NOT_FOUND``, ``METHOD_NOT_ALLOWED`` (a marker)."""
    found = await context.services.object_sharing.list_of(operation.address)
    return Reply(headers=(XML, *_version_header(found.version)), body=list_document(found))


class PutAcl(_List, frozen=True, kw_only=True):
    """A list in place of the one that is there, from headers or the body; ``request`` has the headers."""

    request: Request
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return self.need(actions.PUT_BUCKET_ACL, actions.PUT_OBJECT_ACL, actions.PUT_OBJECT_VERSION_ACL)


def parse_put_acl(request: Request) -> PutAcl:
    """Raises ``ARGUMENT_INVALID``, and what ``payload.parse_incoming`` does."""
    body = payload.parse_incoming(request, needs_length=False)
    return PutAcl(address=_address(request), request=request, body=body)


async def put_bucket_acl(context: Context, operation: PutAcl) -> Reply:
    """Raises what ``Sharing.put_bucket_list`` and reading of the list do."""
    asked = await _asked(context, operation, CANNED_FOR_BUCKETS)
    await context.services.sharing.put_bucket_list(operation.address.bucket, asked)
    return Reply()


async def put_object_acl(context: Context, operation: PutAcl) -> Reply:
    """Raises what ``ObjectSharing.put_list`` and reading of the list do."""
    asked = await _asked(context, operation, CANNED)
    version = await context.services.object_sharing.put_list(operation.address, asked, context.actor)
    return Reply(headers=_version_header(version))


def _version_header(version: str | None) -> tuple[tuple[str, str], ...]:
    return () if version is None else ((VERSION_HEADER, version),)


async def _asked(context: Context, operation: PutAcl, canned: dict[str, Lines]) -> AskedList:
    """The list that the request asks for. Where lists do not count, that is said first, as Amazon does."""
    document = await payload.read_document(context, operation.body, _DOCUMENT_LIMIT)
    bucket = await context.services.buckets.get(operation.address.bucket)
    try:
        return _read(operation.request, document, canned)
    except Problem as problem:
        if bucket.ownership == ENFORCED:
            raise Problem(errors.ACL_UNSUPPORTED) from problem
        raise


def _read(request: Request, document: bytes, canned: dict[str, Lines]) -> AskedList:
    grants = read_grants(request.header, canned)
    if grants and document:
        raise Problem(errors.CONTENT_UNEXPECTED)
    if not grants and not document:
        raise Problem(errors.ACL_MISSING)
    return read_list(document) if document else AskedList(grants=grants)


ROWS = (
    row(
        When(level=Level.BUCKET, method="GET", query="acl"),
        What(name="GetBucketAcl", summary="Read a bucket's access control list.", action=actions.GET_BUCKET_ACL),
        parse_get_acl,
        get_bucket_acl,
    ),
    row(
        When(level=Level.BUCKET, method="PUT", query="acl", headers=HEADERS),
        What(
            name="PutBucketAcl",
            summary="Set a bucket's access control list.",
            action=actions.PUT_BUCKET_ACL,
            takes_body=True,
        ),
        parse_put_acl,
        put_bucket_acl,
    ),
    row(
        When(level=Level.OBJECT, method="GET", query="acl", also="versionId"),
        What(
            name="GetObjectAcl",
            summary="Read an object's access control list.",
            action=actions.GET_OBJECT_ACL,
            version_action=actions.GET_OBJECT_VERSION_ACL,
        ),
        parse_get_acl,
        get_object_acl,
    ),
    row(
        When(level=Level.OBJECT, method="PUT", query="acl", also="versionId", headers=HEADERS),
        What(
            name="PutObjectAcl",
            summary="Set an object's access control list.",
            action=actions.PUT_OBJECT_ACL,
            version_action=actions.PUT_OBJECT_VERSION_ACL,
            takes_body=True,
        ),
        parse_put_acl,
        put_object_acl,
    ),
)
