"""Requests that name the owner whom they expect a bucket to have: another one's bucket is left alone.

Owners are compared when the request has been allowed: who may not ask learns neither which buckets there are nor whose.

Spec: Amazon S3 User Guide, "Verifying bucket ownership with bucket owner condition".
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import ACCOUNT
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.s3.request import Request, read_copy_source
from zotplus.protocols.s3.rows import COPY_SOURCE
from zotplus.services.sharing.names import canonical_id

EXPECTED = "x-amz-expected-bucket-owner"
EXPECTED_SOURCE = "x-amz-source-expected-bucket-owner"

Read: TypeAlias = Callable[[RequestHead], Request]


def names_owners(head: RequestHead) -> bool:
    """Whether a request says whose its buckets should be."""
    return EXPECTED in head.headers or EXPECTED_SOURCE in head.headers


def expecting_owners(route: Route, read: Read) -> Route:
    """``route`` for requests that name owners: nothing is done where a bucket is another's.

    What it does raises ``ACCESS_DENIED`` then, and ``ARGUMENT_INVALID`` for a header that is there twice.
    """

    async def handle(context: Context, operation: Operation) -> Reply:
        await _check_owners(context, read(context.head), is_allowed=not route.decides)
        return await route.handle(context, operation)

    return msgspec.structs.replace(route, handle=handle)


async def _check_owners(context: Context, request: Request, *, is_allowed: bool) -> None:
    """An owner is the registry's account, or a principal by id or by the id that answers have.

    A bucket that is not there is left to the operation, which says so; but not where it is yet to decide who may.
    """
    expected = request.header(EXPECTED)
    if expected is not None and request.bucket:
        await _check(context, request.bucket, expected, is_allowed=is_allowed)
    expected = request.header(EXPECTED_SOURCE)
    if expected is not None and COPY_SOURCE in request.head.headers:
        await _check(context, read_copy_source(request).bucket, expected, is_allowed=is_allowed)


async def _check(context: Context, bucket: str, expected: str, *, is_allowed: bool) -> None:
    if expected == ACCOUNT:
        return
    owner = None
    try:
        owner = (await context.services.buckets.get(bucket)).owner
    except Problem as problem:
        if problem.fault is not errors.BUCKET_NOT_FOUND:
            raise
        if is_allowed:
            return
    if owner is None or expected not in (owner, canonical_id(owner)):
        told = "The bucket is not of the owner that the request expects."
        raise Problem(errors.ACCESS_DENIED, told, resource=f"s3:{bucket}")
