"""Operations on the service and on buckets as a whole. Their lists of objects are in ``listing``.

Spec: Amazon S3 API Reference, ListBuckets, CreateBucket, HeadBucket, GetBucketLocation,
DeleteBucket.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.arns import ARN_OF_S3
from zotplus.domain.storage.acls import CANNED_FOR_BUCKETS, ENFORCED, is_private
from zotplus.gateway.conditions.visibility import visible_buckets
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.request import Level, Request, argument_invalid, number
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.tagging import read_initial_tags
from zotplus.protocols.s3.sharing.list_documents import HEADERS as LIST_HEADERS
from zotplus.protocols.s3.sharing.list_documents import read_grants
from zotplus.protocols.s3.sharing.ownership import OWNERSHIP, read_ownership
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import PLAIN_BUCKET, BucketInfo, BucketOptions

VERSIONING = "x-zotplus-versioning"
LOCK_ENABLED = "x-amz-bucket-object-lock-enabled"
_DEFAULT_REGION = "us-east-1"  # the one that GetBucketLocation writes as nothing
_MAX_BUCKETS = 10_000  # S3 API Reference, ListBuckets, max-buckets


class ListBuckets(msgspec.Struct, frozen=True, kw_only=True):
    """Buckets after ``after`` that begin with ``prefix``, at most ``limit``; of ``region`` where it is not empty."""

    prefix: str = ""
    region: str = ""
    after: str = ""
    limit: int = _MAX_BUCKETS

    def needs(self) -> tuple[Need, ...]:
        """To ask at all, which everybody with a credential may; each bucket is then shown to those who may list it."""
        return (Need(actions.LIST_ALL_MY_BUCKETS.name, "s3:*"),)


def parse_list_buckets(request: Request) -> ListBuckets:
    """Raises ``ARGUMENT_INVALID``."""
    query = request.query
    text = query.get("max-buckets", "")
    limit = number(query, "max-buckets", _MAX_BUCKETS, _MAX_BUCKETS + 1) if text.isdigit() or not text else 0
    if not 1 <= limit <= _MAX_BUCKETS:
        raise argument_invalid("max-buckets", text, "Argument max-buckets must be an integer between 1 and 10000.")
    return ListBuckets(
        prefix=query.get("prefix", ""),
        region=query.get("bucket-region", ""),
        after=query.get("continuation-token", ""),
        limit=limit,
    )


async def list_buckets(context: Context, operation: ListBuckets) -> Reply:
    """The buckets that the caller may list or find, or a part of them."""
    # A bucket's name is its own token: it tells nothing that the page did not.
    meant = [
        bucket
        for bucket in await context.services.buckets.list()
        if bucket.name > operation.after
        and bucket.name.startswith(operation.prefix)
        and operation.region in ("", bucket.region)
    ]
    seen = await visible_buckets(context, [bucket.name for bucket in meant])
    found = [bucket for bucket in meant if bucket.name in seen]
    page = found[: operation.limit]
    more = xml_out.element("ContinuationToken", page[-1].name) if len(found) > len(page) else ""
    content = (
        f"{xml_out.principal('Owner', context.principal.id)}<Buckets>{''.join(map(_bucket, page))}</Buckets>"
        f"{more}{xml_out.optional('Prefix', operation.prefix)}"
    )
    return Reply(headers=(XML,), body=xml_out.document("ListAllMyBucketsResult", content))


def _bucket(bucket: BucketInfo) -> str:
    created = xml_out.timestamp(bucket.created)
    region = xml_out.element("BucketRegion", bucket.region)
    return f"<Bucket><Name>{bucket.name}</Name><CreationDate>{created}</CreationDate>{region}</Bucket>"


class CreateBucket(msgspec.Struct, frozen=True, kw_only=True):
    """A new bucket; the body may name ``region``, which has to be ours. ``location`` is its address for the answer."""

    bucket: str
    region: str
    location: str
    body: payload.Incoming
    options: BucketOptions = PLAIN_BUCKET

    def needs(self) -> tuple[Need, ...]:
        """To create this bucket, and to set what it begins with."""
        resource, options = f"s3:{self.bucket}", self.options
        beside = [actions.PUT_BUCKET_OBJECT_LOCK] if options.lock_enabled else []
        if options.lock_enabled or options.versioning:
            beside.append(actions.PUT_BUCKET_VERSIONING)
        if options.ownership != ENFORCED:
            beside.append(actions.PUT_BUCKET_OWNERSHIP_CONTROLS)
        if not is_private([(line.grantee, line.permission) for line in options.acl]):
            beside.append(actions.PUT_BUCKET_ACL)
        create = Need(actions.CREATE_BUCKET.name, resource, {"s3:locationconstraint": self.region})
        return (create, *[Need(action.name, resource) for action in beside])


def parse_create_bucket(request: Request) -> CreateBucket:
    """Raises ``ARGUMENT_INVALID``, and what ``payload.parse_incoming`` does."""
    return CreateBucket(
        bucket=request.bucket,
        region=request.site.region,
        location=f"{request.site.prefix}/{request.bucket}",
        body=payload.parse_incoming(request, needs_length=False),
        options=_options(request),
    )


def _options(request: Request) -> BucketOptions:
    return BucketOptions(
        versioning=_versioning(request),
        lock_enabled=_lock_enabled(request),
        ownership=read_ownership(request),
        acl=read_grants(request.header, CANNED_FOR_BUCKETS),
    )


def _versioning(request: Request) -> str:
    """Amazon has no such header; a bucket can keep versions there only afterwards, or with object lock."""
    text = request.header(VERSIONING) or ""
    if text not in ("", "Enabled"):
        raise argument_invalid(VERSIONING, text, "The header is Enabled, or not there.")
    return text


def _lock_enabled(request: Request) -> bool:
    text = (request.header(LOCK_ENABLED) or "false").lower()
    if text not in ("true", "false"):
        raise argument_invalid(LOCK_ENABLED, text, "The header is true or false.")
    return text == "true"


async def create_bucket(context: Context, operation: CreateBucket) -> Reply:
    """Raises ``LOCATION_INVALID``, ``XML_MALFORMED``, and what the service does."""
    document = await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT)
    location = xml_in.read_location(document)
    if location not in ("", operation.region):
        told = (
            f"The specified location-constraint is not valid: {location[:64]!r}; the region here is {operation.region}."
        )
        raise Problem(errors.LOCATION_INVALID, told, LocationConstraint=location)
    options = operation.options
    tags = read_initial_tags(document)
    if tags:
        require(context, Need(actions.PUT_BUCKET_TAGGING.name, f"s3:{operation.bucket}"))
        options = msgspec.structs.replace(options, tags=tags)
    await context.services.buckets.create(operation.bucket, context.principal.id, options)
    arn = ("x-amz-bucket-arn", f"{ARN_OF_S3}{operation.bucket}")
    return Reply(headers=(("Location", operation.location), arn))


class _OneBucket(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class HeadBucket(_OneBucket, frozen=True, kw_only=True):
    """Whether a bucket is there."""

    def needs(self) -> tuple[Need, ...]:
        """To list it."""
        return (Need(actions.LIST_BUCKET.name, f"s3:{self.bucket}"),)


def parse_head_bucket(request: Request) -> HeadBucket:
    """Only the name."""
    return HeadBucket(bucket=request.bucket)


async def head_bucket(context: Context, operation: HeadBucket) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    bucket = await context.services.buckets.get(operation.bucket)
    return Reply(headers=(("x-amz-bucket-region", bucket.region), ("x-amz-access-point-alias", "false"), XML))


class GetBucketLocation(_OneBucket, frozen=True, kw_only=True):
    """A bucket's region."""

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_BUCKET_LOCATION.name, f"s3:{self.bucket}"),)


def parse_get_bucket_location(request: Request) -> GetBucketLocation:
    """Only the name."""
    return GetBucketLocation(bucket=request.bucket)


async def get_bucket_location(context: Context, operation: GetBucketLocation) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    bucket = await context.services.buckets.get(operation.bucket)
    region = "" if bucket.region == _DEFAULT_REGION else xml_out.escape(bucket.region)
    return Reply(headers=(XML,), body=xml_out.document("LocationConstraint", region))


class DeleteBucket(_OneBucket, frozen=True, kw_only=True):
    """The end of an empty bucket."""

    def needs(self) -> tuple[Need, ...]:
        """To delete it."""
        return (Need(actions.DELETE_BUCKET.name, f"s3:{self.bucket}"),)


def parse_delete_bucket(request: Request) -> DeleteBucket:
    """Only the name."""
    return DeleteBucket(bucket=request.bucket)


async def delete_bucket(context: Context, operation: DeleteBucket) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``BUCKET_NOT_EMPTY``."""
    await context.services.buckets.delete(operation.bucket)
    return Reply(status=204)


ROWS = (
    row(
        When(level=Level.SERVICE, method="GET"),
        What(name="ListBuckets", summary="List buckets.", action=actions.LIST_ALL_MY_BUCKETS),
        parse_list_buckets,
        list_buckets,
    ),
    row(
        When(level=Level.BUCKET, method="PUT", headers=f"{VERSIONING} {LOCK_ENABLED} {OWNERSHIP} {LIST_HEADERS}"),
        What(name="CreateBucket", summary="Create a bucket.", action=actions.CREATE_BUCKET, takes_body=True),
        parse_create_bucket,
        create_bucket,
    ),
    row(
        When(level=Level.BUCKET, method="HEAD"),
        What(name="HeadBucket", summary="See whether a bucket exists.", action=actions.LIST_BUCKET),
        parse_head_bucket,
        head_bucket,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE"),
        What(name="DeleteBucket", summary="Delete an empty bucket.", action=actions.DELETE_BUCKET),
        parse_delete_bucket,
        delete_bucket,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="location"),
        What(name="GetBucketLocation", summary="Read a bucket's region.", action=actions.GET_BUCKET_LOCATION),
        parse_get_bucket_location,
        get_bucket_location,
    ),
)
