"""Buckets as an administrator sees them: list those visible, and delete one with all that is in it."""

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import QueryParameter
from zotplus.protocols.api.conversion import bucket
from zotplus.protocols.api.documents import Buckets, Purged
from zotplus.protocols.api.endpoint import Call, Endpoint


async def list_buckets(context: Context, _call: Call, _body: None) -> Buckets:
    """The buckets that the caller may list; strangers learn nothing of the others."""
    if context.principal.is_anonymous:
        raise Problem(errors.CREDENTIALS_MISSING)
    found = await context.services.buckets.list()
    seen = [row for row in found if context.may(Need(actions.LIST_BUCKET.name, f"s3:{row.name}"))]
    return Buckets(buckets=tuple(bucket(row) for row in seen))


async def purge_bucket(context: Context, call: Call, _body: None) -> Purged:
    """The bucket with all objects and uploads is gone. ``purge=true`` must be said: S3 deletes only empty buckets."""
    if call.query.get("purge") != "true":
        raise Problem(errors.ARGUMENT_INVALID, "Deleting a bucket with its objects needs purge=true.", argument="purge")
    name = call.path["name"]
    context.log["bucket"] = name
    return Purged(bucket=name, objects=await context.services.buckets.purge(name))


ENDPOINTS = (
    Endpoint(
        address="GET /buckets",
        name="ListVisibleBuckets",
        summary="List the buckets that the caller may see.",
        work=list_buckets,
        gives=Buckets,
    ),
    Endpoint(
        address="DELETE /buckets/{name}",
        name="PurgeBucket",
        summary="Delete a bucket with all that is in it.",
        work=purge_bucket,
        action=actions.ADMIN_PURGE_BUCKET,
        resource="admin:buckets/{name}",
        gives=Purged,
        query=(QueryParameter(name="purge", summary="Must be true.", values=("true",), required=True),),
        faults=(errors.BUCKET_NOT_FOUND,),
    ),
)
