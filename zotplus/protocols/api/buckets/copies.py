"""Copies of many objects at once, in batches: who asks goes on with the next, and so sees how far it has come.

Nothing is kept of a batch on the server, so there is nothing to go wrong with after a restart, and every object is
copied under the rights of whoever asks for that batch (CVE-2024-7143 of Pulp was a task with another owner).
"""

import asyncio
from collections.abc import Iterable

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE, WriteConditions
from zotplus.domain.copysource import copying
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_bucket_name, check_key
from zotplus.domain.storage.tags import tag_keys
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import require
from zotplus.protocols.api.buckets.documents import Copied, Copies, CopyFailure, NewCopies
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.services.values import Copy, ListEntry, ListQuery, ObjectInfo, Selection

_AT_ONCE = 16  # copies whose changes share a sync
_ABSENT = WriteConditions(absent=True)


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch was asked for; ``bucket`` is the source."""

    bucket: str
    wanted: NewCopies

    def target(self, key: str) -> str:
        """Where the object ``key`` goes."""
        return self.wanted.target_prefix + key[len(self.wanted.source_prefix) :]


Outcome = ObjectInfo | CopyFailure | None


async def copy_batch(context: Context, call: Call, body: NewCopies) -> Copies:
    """The objects of one page are copied; what could not be is told one by one."""
    job = _Job(bucket=call.path["name"], wanted=body)
    check_bucket_name(body.target_bucket)
    _require_apart(job)
    listing = Need(actions.LIST_BUCKET.name, f"s3:{job.bucket}", {"s3:prefix": body.source_prefix})
    await gather(context, (listing,))
    require(context, listing)
    if context.may(Need(actions.GET_BUCKET_LOCATION.name, f"s3:{body.target_bucket}")):  # else each copy is refused
        await context.services.buckets.get(body.target_bucket)
    query = ListQuery(prefix=body.source_prefix, after=body.after, limit=body.limit)
    page = await context.services.objects.list(job.bucket, query)
    keys = [item.key for item in page.items if isinstance(item, ListEntry)]
    found: list[tuple[str, Outcome]] = []
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        found += zip(some, await asyncio.gather(*[_copy(context, job, key) for key in some]), strict=True)
    context.log |= {"bucket": job.bucket, "copied": len(keys)}
    return _told(found, page.next_after)


def _told(found: Iterable[tuple[str, Outcome]], next_after: str | None) -> Copies:
    pairs = list(found)
    outcomes = [outcome for _, outcome in pairs]
    copied = [Copied(key=key, bytes=one.size, etag=one.etag) for key, one in pairs if isinstance(one, ObjectInfo)]
    return Copies(
        copied=tuple(copied),
        skipped=sum([one is None for one in outcomes]),
        failed=tuple([one for one in outcomes if isinstance(one, CopyFailure)]),
        next=next_after,
    )


def _require_apart(job: _Job) -> None:
    """Refuse what would never end: each copy would be found again behind the ones before it."""
    wanted = job.wanted
    if job.bucket == wanted.target_bucket and wanted.target_prefix.startswith(wanted.source_prefix):
        raise Problem(
            errors.ARGUMENT_INVALID, "The copies would lie among what is to be copied.", argument="target_prefix"
        )


async def _copy(context: Context, job: _Job, key: str) -> Outcome:
    """One copy; None where something is there and shall stay."""
    try:
        return await _authorised_copy(context, job, key)
    except Problem as problem:
        if problem.fault is errors.PRECONDITION_FAILED and not job.wanted.overwrite:
            return None
        return CopyFailure(key=key, code=problem.fault.code, detail=problem.detail)


async def _authorised_copy(context: Context, job: _Job, key: str) -> ObjectInfo:
    target, bucket = job.target(key), job.wanted.target_bucket
    check_key(target)
    read, write = f"s3:{job.bucket}/{key}", f"s3:{bucket}/{target}"
    needs = (Need(actions.GET_OBJECT.name, read), copying(Need(actions.PUT_OBJECT.name, write), job.bucket, key))
    await gather(context, needs)
    for need in needs:
        require(context, need)
    attributes = (await context.services.objects.head(job.bucket, key, Selection(keyless=True))).attributes
    encryption, tags = context.services.encryption, attributes.tags
    chosen = encryption.choose(await context.services.documents.bucket(bucket), None)
    for action, protection in ((actions.KMS_DECRYPT, attributes.protection), (actions.KMS_GENERATE_DATA_KEY, chosen)):
        key_id = encryption.guarded_key(protection)
        if key_id:
            require(context, Need(action.name, f"kms:{key_id}"))
    if tags:
        require(context, Need(actions.GET_OBJECT_TAGGING.name, read))
        require(context, Need(actions.PUT_OBJECT_TAGGING.name, write, tag_keys(tags)))
    return await context.services.objects.copy(
        Copy(
            source=(job.bucket, key),
            target=(bucket, target),
            target_conditions=UNCONDITIONAL_WRITE if job.wanted.overwrite else _ABSENT,
            keeps_tags=bool(tags),
            by=context.actor,
        )
    )


ENDPOINTS = (
    Endpoint(
        address="POST /buckets/{name}/copies",
        name="CopyObjects",
        summary="Copy a batch of objects that begin alike, without moving their content.",
        work=copy_batch,
        takes=NewCopies,
        gives=Copies,
        faults=(errors.BUCKET_NOT_FOUND, errors.BUCKET_NAME_INVALID, errors.PATH_INVALID),
    ),
)
