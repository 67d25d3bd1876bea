"""Requests that name the owner whom they expect a bucket to have: another one's bucket is left alone.

Spec: Amazon S3 User Guide, "Verifying bucket ownership with bucket owner condition".
"""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import ACCOUNT
from zotplus.gateway.context import Context
from zotplus.protocols.s3.request import Request, read_copy_source
from zotplus.protocols.s3.rows import COPY_SOURCE
from zotplus.services.sharing.names import canonical_id

EXPECTED = "x-amz-expected-bucket-owner"
EXPECTED_SOURCE = "x-amz-source-expected-bucket-owner"


async def check_owners(context: Context, request: Request) -> None:
    """Raises ``ACCESS_DENIED`` where a bucket of the request is not of the owner that a header names.

    An owner is the registry's account, or a principal by id or by the id that answers have. A bucket that is not there
    is left to the operation, which says so.
    """
    expected = request.header(EXPECTED)
    if expected is not None and request.bucket:
        await _check(context, request.bucket, expected)
    expected = request.header(EXPECTED_SOURCE)
    if expected is not None and COPY_SOURCE in request.head.headers:
        await _check(context, read_copy_source(request).bucket, expected)


async def _check(context: Context, bucket: str, expected: str) -> None:
    if expected == ACCOUNT:
        return
    try:
        owner = (await context.services.buckets.get(bucket)).owner
    except Problem as problem:
        if problem.fault is not errors.BUCKET_NOT_FOUND:
            raise
        return
    if expected not in (owner, canonical_id(owner)):
        told = "The bucket is not of the owner that the request expects."
        raise Problem(errors.ACCESS_DENIED, told, resource=f"s3:{bucket}")
