"""Bucket policies: PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.

Spec: Amazon S3 API Reference, these operations; S3 User Guide, "Bucket policies for Amazon S3".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.buckets.reading import BUCKET_POLICY_MAX_BYTES
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_out import XML

_JSON = ("Content-Type", "application/json")


class PutBucketPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in place of the one that is there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return (Need(actions.PUT_BUCKET_POLICY.name, f"s3:{self.bucket}"),)


def parse_put_bucket_policy(request: Request) -> PutBucketPolicy:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketPolicy(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_bucket_policy(context: Context, operation: PutBucketPolicy) -> Reply:
    """Raises ``POLICY_INVALID``, ``ACCESS_DENIED`` (public policies are blocked), ``BUCKET_NOT_FOUND``."""
    try:
        text = await payload.read_document(context, operation.body, BUCKET_POLICY_MAX_BYTES)
    except Problem as problem:
        if problem.fault is not errors.BODY_TOO_LARGE:
            raise
        detail = f"Policy is too large: it has more than {BUCKET_POLICY_MAX_BYTES} bytes"
        raise Problem(errors.POLICY_INVALID, detail) from problem
    await context.services.sharing.put_policy(operation.bucket, text)
    return Reply(status=204)


class GetBucketPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that is set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_BUCKET_POLICY.name, f"s3:{self.bucket}"),)


def parse_get_bucket_policy(request: Request) -> GetBucketPolicy:
    """Only the name."""
    return GetBucketPolicy(bucket=request.bucket)


async def get_bucket_policy(context: Context, operation: GetBucketPolicy) -> Reply:
    """The text as it was sent. Raises ``POLICY_MISSING``, ``BUCKET_NOT_FOUND``."""
    return Reply(headers=(_JSON,), body=await context.services.sharing.policy(operation.bucket))


class DeleteBucketPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """No policy any more."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To remove it."""
        return (Need(actions.DELETE_BUCKET_POLICY.name, f"s3:{self.bucket}"),)


def parse_delete_bucket_policy(request: Request) -> DeleteBucketPolicy:
    """Only the name."""
    return DeleteBucketPolicy(bucket=request.bucket)


async def delete_bucket_policy(context: Context, operation: DeleteBucketPolicy) -> Reply:
    """No error where there is none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.sharing.delete_policy(operation.bucket)
    return Reply(status=204)


class GetBucketPolicyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the policy makes the bucket public."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To ask."""
        return (Need(actions.GET_BUCKET_POLICY_STATUS.name, f"s3:{self.bucket}"),)


def parse_get_bucket_policy_status(request: Request) -> GetBucketPolicyStatus:
    """Only the name."""
    return GetBucketPolicyStatus(bucket=request.bucket)


async def get_bucket_policy_status(context: Context, operation: GetBucketPolicyStatus) -> Reply:
    """Raises ``POLICY_MISSING``, ``BUCKET_NOT_FOUND``."""
    is_public = await context.services.sharing.is_public(operation.bucket)
    content = xml_out.element("IsPublic", "true" if is_public else "false")
    return Reply(headers=(XML,), body=xml_out.document("PolicyStatus", content))


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="policy", headers="x-amz-confirm-remove-self-bucket-access"),
        What(
            name="PutBucketPolicy",
            summary="Set a bucket's policy.",
            action=actions.PUT_BUCKET_POLICY,
            takes_body=True,
        ),
        parse_put_bucket_policy,
        put_bucket_policy,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="policy"),
        What(name="GetBucketPolicy", summary="Read a bucket's policy.", action=actions.GET_BUCKET_POLICY),
        parse_get_bucket_policy,
        get_bucket_policy,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="policy"),
        What(name="DeleteBucketPolicy", summary="Remove a bucket's policy.", action=actions.DELETE_BUCKET_POLICY),
        parse_delete_bucket_policy,
        delete_bucket_policy,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="policyStatus"),
        What(
            name="GetBucketPolicyStatus",
            summary="Ask whether a bucket's policy makes it public.",
            action=actions.GET_BUCKET_POLICY_STATUS,
        ),
        parse_get_bucket_policy_status,
        get_bucket_policy_status,
    ),
)
