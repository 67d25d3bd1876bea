"""What can be asked about every bucket and is never set: the answers that Amazon gives for a bucket of no settings.

Tools read all settings of a bucket before they change one (terraform does), so what this server does not
have is answered as not being set; setting it is refused (``refused.py``).

Spec: Amazon S3 API Reference, GetBucketAccelerateConfiguration and the others of that form.
"""

from collections.abc import Awaitable, Callable

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Fault, Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import Row, What, When, row
from zotplus.protocols.s3.xml_in import read_fields, read_tree
from zotplus.protocols.s3.xml_out import XML

_DOCUMENT_LIMIT = 4096
_NOT_TRUNCATED = "<IsTruncated>false</IsTruncated>"
_OWNER_PAYS = "<Payer>BucketOwner</Payer>"


class GetUnset(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that no bucket has; ``id`` is that of one configuration among several."""

    bucket: str
    action: str
    id: str | None = None

    def needs(self) -> tuple[Need, ...]:
        """To read that setting."""
        return (Need(self.action, f"s3:{self.bucket}"),)


def _parsing(action: Action) -> Callable[[Request], GetUnset]:
    def parse(request: Request) -> GetUnset:
        return GetUnset(bucket=request.bucket, action=action.name, id=request.query.get("id"))

    return parse


def _answering(root: str, content: str) -> Callable[[Context, GetUnset], Awaitable[Reply]]:
    """Answers with an empty document; one configuration by its id is missing."""

    async def answer(context: Context, operation: GetUnset) -> Reply:
        await context.services.documents.bucket(operation.bucket)
        if operation.id is not None:
            raise Problem(errors.CONFIGURATION_MISSING)
        return Reply(headers=(XML,), body=xml_out.document(root, content))

    return answer


def _missing(fault: Fault) -> Callable[[Context, GetUnset], Awaitable[Reply]]:
    async def answer(context: Context, operation: GetUnset) -> Reply:
        await context.services.documents.bucket(operation.bucket)
        raise Problem(fault, BucketName=operation.bucket)

    return answer


def _row(name: str, selector: str, action: Action, handle: Callable[[Context, GetUnset], Awaitable[Reply]]) -> Row:
    what = What(name=name, summary=action.summary, action=action)
    return row(When(level=Level.BUCKET, method="GET", query=selector), what, _parsing(action), handle)


class PutBucketRequestPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays: always the owner."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return (Need(actions.PUT_BUCKET_REQUEST_PAYMENT.name, f"s3:{self.bucket}"),)


def parse_put_bucket_request_payment(request: Request) -> PutBucketRequestPayment:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketRequestPayment(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_bucket_request_payment(context: Context, operation: PutBucketRequestPayment) -> Reply:
    """Raises ``OPERATION_UNKNOWN`` for requester pays, ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, _DOCUMENT_LIMIT)
    payer = read_fields(read_tree(document, "RequestPaymentConfiguration"), {"Payer"}).get("Payer", "").strip()
    if payer == "Requester":
        raise Problem(errors.OPERATION_UNKNOWN, "Requester pays is not implemented: nobody is charged here.")
    if payer != "BucketOwner":
        raise Problem(errors.XML_MALFORMED, f"Payer is BucketOwner or Requester, not {shown(payer)}.")
    await context.services.documents.bucket(operation.bucket)
    return Reply()


ROWS = (
    _row(
        "GetBucketAccelerateConfiguration",
        "accelerate",
        actions.GET_ACCELERATE_CONFIGURATION,
        _answering("AccelerateConfiguration", ""),
    ),
    _row(
        "GetBucketRequestPayment",
        "requestPayment",
        actions.GET_BUCKET_REQUEST_PAYMENT,
        _answering("RequestPaymentConfiguration", _OWNER_PAYS),
    ),
    row(
        When(level=Level.BUCKET, method="PUT", query="requestPayment"),
        What(
            name="PutBucketRequestPayment",
            summary="Say that a bucket's owner pays, as is always so.",
            action=actions.PUT_BUCKET_REQUEST_PAYMENT,
            takes_body=True,
        ),
        parse_put_bucket_request_payment,
        put_bucket_request_payment,
    ),
    _row("GetBucketWebsite", "website", actions.GET_BUCKET_WEBSITE, _missing(errors.WEBSITE_MISSING)),
    _row(
        "GetBucketReplication",
        "replication",
        actions.GET_REPLICATION_CONFIGURATION,
        _missing(errors.REPLICATION_MISSING),
    ),
    _row(
        "ListBucketAnalyticsConfigurations",
        "analytics",
        actions.GET_ANALYTICS_CONFIGURATION,
        _answering("ListBucketAnalyticsConfigurationResult", _NOT_TRUNCATED),
    ),
    _row(
        "ListBucketInventoryConfigurations",
        "inventory",
        actions.GET_INVENTORY_CONFIGURATION,
        _answering("ListInventoryConfigurationsResult", _NOT_TRUNCATED),
    ),
    _row(
        "ListBucketMetricsConfigurations",
        "metrics",
        actions.GET_METRICS_CONFIGURATION,
        _answering("ListMetricsConfigurationsResult", _NOT_TRUNCATED),
    ),
    _row(
        "ListBucketIntelligentTieringConfigurations",
        "intelligent-tiering",
        actions.GET_INTELLIGENT_TIERING_CONFIGURATION,
        _answering("ListBucketIntelligentTieringConfigurationsOutput", _NOT_TRUNCATED),
    ),
)
"""Those of analytics, inventory, metrics and tiering answer the operation for one (``GetBucket…``) by its id too."""
