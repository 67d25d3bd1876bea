"""PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration, DeleteBucketLifecycle.

Spec: Amazon S3 API Reference, the operations of these names.
"""

import msgspec

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.domain.storage.lifecycle.rules import ALL_CLASSES_128K, RuleSet
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.lifecycle.reading import read_rules
from zotplus.protocols.s3.settings.lifecycle.writing import rules_document
from zotplus.protocols.s3.xml_in import DOCUMENT_LIMIT
from zotplus.protocols.s3.xml_out import XML

MINIMUM = "x-amz-transition-default-minimum-object-size"


class PutBucketLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in place of those that are there."""

    bucket: str
    minimum: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_LIFECYCLE_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_put_bucket_lifecycle(request: Request) -> PutBucketLifecycle:
    """Raises what ``payload.parse_incoming`` does."""
    minimum = request.header(MINIMUM) or ALL_CLASSES_128K
    return PutBucketLifecycle(bucket=request.bucket, minimum=minimum, body=payload.parse_incoming(request))


async def put_bucket_lifecycle(context: Context, operation: PutBucketLifecycle) -> Reply:
    """Raises ``XML_MALFORMED`` and what ``Lifecycles.put`` does."""
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    rules = read_rules(document, operation.minimum)
    await context.services.lifecycles.put(operation.bucket, rules)
    return Reply(headers=((MINIMUM, rules.minimum),))


class GetBucketLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that are set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (Need(actions.GET_LIFECYCLE_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_get_bucket_lifecycle(request: Request) -> GetBucketLifecycle:
    """Only the name."""
    return GetBucketLifecycle(bucket=request.bucket)


async def get_bucket_lifecycle(context: Context, operation: GetBucketLifecycle) -> Reply:
    """Raises ``LIFECYCLE_MISSING``, ``BUCKET_NOT_FOUND``."""
    rules: RuleSet = await context.services.lifecycles.get(operation.bucket)
    return Reply(headers=(XML, (MINIMUM, rules.minimum)), body=rules_document(rules))


class DeleteBucketLifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """No rules any more. Amazon asks for the right to put them."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_LIFECYCLE_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_delete_bucket_lifecycle(request: Request) -> DeleteBucketLifecycle:
    """Only the name."""
    return DeleteBucketLifecycle(bucket=request.bucket)


async def delete_bucket_lifecycle(context: Context, operation: DeleteBucketLifecycle) -> Reply:
    """No error where there are none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.lifecycles.delete(operation.bucket)
    return Reply(status=204)


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="lifecycle"),
        What(
            name="PutBucketLifecycleConfiguration",
            summary="Set the rules by which a bucket's objects expire or change their class.",
            action=actions.PUT_LIFECYCLE_CONFIGURATION,
            takes_body=True,
        ),
        parse_put_bucket_lifecycle,
        put_bucket_lifecycle,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="lifecycle"),
        What(
            name="GetBucketLifecycleConfiguration",
            summary="Read those rules.",
            action=actions.GET_LIFECYCLE_CONFIGURATION,
        ),
        parse_get_bucket_lifecycle,
        get_bucket_lifecycle,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="lifecycle"),
        What(name="DeleteBucketLifecycle", summary="Remove those rules.", action=actions.PUT_LIFECYCLE_CONFIGURATION),
        parse_delete_bucket_lifecycle,
        delete_bucket_lifecycle,
    ),
)
