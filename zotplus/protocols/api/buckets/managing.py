"""Buckets as an administrator sees them: make, list and bound them, and delete one with all that is in it."""

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.tags import BUCKET_TAGS, check_tags
from zotplus.gateway.conditions.visibility import visible_buckets
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import QueryParameter
from zotplus.gateway.pipeline import require
from zotplus.protocols.api.buckets.documents import (
    Begun,
    NewBucket,
    Quota,
    Removals,
    UsageDocument,
)
from zotplus.protocols.api.buckets.documents import Removal as RemovalDocument
from zotplus.protocols.api.conversion import bucket, moment
from zotplus.protocols.api.documents import Bucket, Buckets
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.services.configuration.counting import BucketUsage
from zotplus.services.removals import Removal
from zotplus.services.values import BucketOptions, Protection

_BUCKET = "admin:buckets/{name}"


async def list_buckets(context: Context, _call: Call, _body: None) -> Buckets:
    """The buckets that the caller may list or find, with what they hold for who may see that."""
    found = await context.services.buckets.list()
    usages = await context.services.usage.read_all()
    seen = await visible_buckets(context, [row.name for row in found])
    may_see = actions.ADMIN_READ_BUCKET_USAGE.name
    told = [
        bucket(row, usages.get(row.name) if context.may(Need(may_see, f"admin:buckets/{row.name}")) else None)
        for row in found
        if row.name in seen
    ]
    return Buckets(buckets=tuple(told))


async def create_bucket(context: Context, _call: Call, body: NewBucket) -> Bucket:
    """The bucket is there with everything that was asked for, or nothing is."""
    for action, resource in _needed(body):
        require(context, Need(action.name, resource))
    encryption = None
    if body.encryption is not None:
        if body.encryption.key and body.encryption.scheme != "SSE-KMS":
            raise Problem(errors.ARGUMENT_INVALID, "Only SSE-KMS has a key.", argument="encryption.key")
        encryption = Protection(scheme=body.encryption.scheme, key_id=body.encryption.key)
        await context.services.encryption.begin(encryption)  # the key is there
    options = BucketOptions(
        versioning="Enabled" if body.versioning else "",
        lock_enabled=body.lock,
        ownership=body.ownership,
        encryption=encryption,
        tags=check_tags(body.tags.items(), limit=BUCKET_TAGS),
        quota_bytes=body.quota_bytes or 0,
        quota_objects=body.quota_objects or 0,
    )
    context.log["bucket"] = body.name
    return bucket(await context.services.buckets.create(body.name, context.principal.id, options), None)


def _needed(body: NewBucket) -> list[tuple[Action, str]]:
    """To create the bucket, and to set what is asked for, each as if it were set afterwards."""
    on_bucket = f"s3:{body.name}"
    key = "" if body.encryption is None else body.encryption.key
    asked = (
        (True, actions.CREATE_BUCKET, on_bucket),
        (body.versioning or body.lock, actions.PUT_BUCKET_VERSIONING, on_bucket),
        (body.lock, actions.PUT_BUCKET_OBJECT_LOCK, on_bucket),
        (body.ownership != "BucketOwnerEnforced", actions.PUT_BUCKET_OWNERSHIP_CONTROLS, on_bucket),
        (body.encryption is not None, actions.PUT_ENCRYPTION_CONFIGURATION, on_bucket),
        (bool(key), actions.KMS_GENERATE_DATA_KEY, f"kms:{key}"),
        (bool(body.tags), actions.PUT_BUCKET_TAGGING, on_bucket),
        (
            body.quota_bytes is not None or body.quota_objects is not None,
            actions.ADMIN_SET_BUCKET_QUOTA,
            f"admin:buckets/{body.name}",
        ),
    )
    return [(action, resource) for is_asked, action, resource in asked if is_asked]


async def read_usage(context: Context, call: Call, _body: None) -> UsageDocument:
    """How much the bucket holds, and may hold."""
    return _usage(await context.services.usage.read(call.path["name"]))


async def set_quota(context: Context, call: Call, body: Quota) -> UsageDocument:
    """The bucket may hold no more than that from now on."""
    context.log["bucket"] = call.path["name"]
    usage = await context.services.usage.set_quota(call.path["name"], body.bytes or 0, body.objects or 0)
    return _usage(usage)


async def purge_bucket(context: Context, call: Call, _body: None) -> Begun:
    """The bucket is gone with all objects and uploads. ``purge=true`` must be said: S3 deletes only empty buckets.

    With ``wait=false`` it is without a name at once, and a job empties it.
    """
    if call.query.get("purge") != "true":
        raise Problem(errors.ARGUMENT_INVALID, "Deleting a bucket with its objects needs purge=true.", argument="purge")
    name = call.path["name"]
    context.log["bucket"] = name
    if call.query.get("wait") != "false":
        return Begun(bucket=name, objects=await context.services.buckets.purge(name), removal=None)
    begun = await context.services.removals.begin(name)
    if isinstance(begun, int):
        return Begun(bucket=name, objects=begun, removal=None)
    return Begun(bucket=name, objects=begun.total, removal=begun.id)


async def list_removals(context: Context, _call: Call, _body: None) -> Removals:
    """The removed buckets that are being emptied, of those that the caller may purge."""
    found = await context.services.removals.list()
    return Removals(removals=tuple([_removal(one) for one in found if context.may(_purging(one))]))


async def read_removal(context: Context, call: Call, _body: None) -> RemovalDocument:
    """How far one has come, for who may purge such a bucket; it is not there any more when it is done."""
    found = await context.services.removals.find(call.path["id"])
    require(context, _purging(found))
    return _removal(found)


def _purging(removal: Removal) -> Need:
    return Need(actions.ADMIN_PURGE_BUCKET.name, f"admin:buckets/{removal.bucket}")


def _removal(one: Removal) -> RemovalDocument:
    return RemovalDocument(
        id=one.id, bucket=one.bucket, started=moment(one.started), removed=one.removed, total=one.total
    )


def _usage(found: BucketUsage) -> UsageDocument:
    return UsageDocument(
        bucket=found.bucket,
        bytes=found.size,
        objects=found.objects,
        unfinished_bytes=found.parts,
        counted=found.counted,
        quota_bytes=found.quota_bytes or None,
        quota_objects=found.quota_objects or None,
    )


ENDPOINTS = (
    Endpoint(
        address="GET /buckets",
        name="ListVisibleBuckets",
        summary="List the buckets that the caller may see.",
        work=list_buckets,
        gives=Buckets,
    ),
    Endpoint(
        address="POST /buckets",
        name="CreateBucketWithOptions",
        summary="Create a bucket with versioning, lock, encryption, tags and quotas in one step.",
        work=create_bucket,
        takes=NewBucket,
        gives=Bucket,
        status=201,
        faults=(
            errors.BUCKET_NAME_INVALID,
            errors.BUCKET_EXISTS,
            errors.BUCKET_OWNED,
            errors.TAG_INVALID,
            errors.TAGS_TOO_MANY,
            errors.HEADER_CRYPTO_UNSUPPORTED,
        ),
    ),
    Endpoint(
        address="GET /buckets/{name}/usage",
        name="ReadBucketUsage",
        summary="Read how much a bucket holds, and its quotas.",
        work=read_usage,
        action=actions.ADMIN_READ_BUCKET_USAGE,
        resource=_BUCKET,
        gives=UsageDocument,
        faults=(errors.BUCKET_NOT_FOUND,),
    ),
    Endpoint(
        address="PUT /buckets/{name}/quota",
        name="SetBucketQuota",
        summary="Set how much a bucket may hold.",
        work=set_quota,
        action=actions.ADMIN_SET_BUCKET_QUOTA,
        resource=_BUCKET,
        takes=Quota,
        gives=UsageDocument,
        faults=(errors.BUCKET_NOT_FOUND,),
    ),
    Endpoint(
        address="DELETE /buckets/{name}",
        name="PurgeBucket",
        summary="Delete a bucket with all that is in it.",
        work=purge_bucket,
        action=actions.ADMIN_PURGE_BUCKET,
        resource=_BUCKET,
        gives=Begun,
        query=(
            QueryParameter(name="purge", summary="Must be true.", values=("true",), required=True),
            QueryParameter(name="wait", summary="Whether to answer when everything is gone.", values=("true", "false")),
        ),
        faults=(errors.BUCKET_NOT_FOUND, errors.OBJECT_LOCKED, errors.BUCKET_NOT_EMPTY),
    ),
    Endpoint(
        address="GET /removals",
        name="ListRemovals",
        summary="List the removed buckets that are being emptied.",
        work=list_removals,
        gives=Removals,
    ),
    Endpoint(
        address="GET /removals/{id}",
        name="ReadRemoval",
        summary="Read how far the emptying of a removed bucket has come.",
        work=read_removal,
        gives=RemovalDocument,
        faults=(errors.RECORD_NOT_FOUND,),
    ),
)
