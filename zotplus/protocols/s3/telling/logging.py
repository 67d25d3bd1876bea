"""Where the access log of a bucket is kept: PutBucketLogging, GetBucketLogging.

Whoever sets it must be allowed to put objects with the target's prefix: the server then writes them in their stead.
Grants on the logs are refused; a policy of the target bucket says who reads them.

Spec: Amazon S3 API Reference, PutBucketLogging, GetBucketLogging.
"""

import time

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.domain.storage.access_lines import DELIVERY_TIME, EVENT_TIME, SIMPLE, LoggingTarget, log_key
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import Element, read_tree
from zotplus.protocols.s3.xml_out import XML

_ROOT = "BucketLoggingStatus"
_DOCUMENT_LIMIT = 65_536  # bytes; the largest that says anything takes two thousand


class PutBucketLogging(msgspec.Struct, frozen=True, kw_only=True):
    """Another target, or none."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it; the right to write into the target is asked for when the document has been read."""
        return (Need(actions.PUT_BUCKET_LOGGING.name, f"s3:{self.bucket}"),)


def parse_put(request: Request) -> PutBucketLogging:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketLogging(bucket=request.bucket, body=payload.parse_incoming(request))


async def put(context: Context, operation: PutBucketLogging) -> Reply:
    """Raises ``XML_MALFORMED``, ``OPERATION_UNKNOWN``, ``LOGGING_TARGET_INVALID``, ``BUCKET_NOT_FOUND``."""
    target = read_target(await payload.read_document(context, operation.body, _DOCUMENT_LIMIT))
    if target is not None and not await _may_log(context, operation.bucket, target):
        raise Problem(
            errors.LOGGING_TARGET_INVALID,
            "You may not put objects with the prefix into the target bucket for logging.",
            TargetBucket=target.bucket,
        )
    await context.services.access_logging.put(operation.bucket, target)
    return Reply()


async def _may_log(context: Context, bucket: str, target: LoggingTarget) -> bool:
    """Whether the caller may put all keys with the prefix, and such as logs have: a ``?`` also takes the star."""
    region, now = (await context.services.buckets.get(bucket)).region, time.time()
    example = log_key(target, (region, bucket), (now, now), "0" * 16)
    needs = [Need(actions.PUT_OBJECT.name, f"s3:{target.bucket}/{key}") for key in (f"{target.prefix}*", example)]
    await gather(context, needs)
    return all(context.may(need) for need in needs)


class GetBucketLogging(msgspec.Struct, frozen=True, kw_only=True):
    """The target."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_BUCKET_LOGGING.name, f"s3:{self.bucket}"),)


def parse_get(request: Request) -> GetBucketLogging:
    """Only the name."""
    return GetBucketLogging(bucket=request.bucket)


async def get(context: Context, operation: GetBucketLogging) -> Reply:
    """An empty document where requests are not logged. Raises ``BUCKET_NOT_FOUND``."""
    target = await context.services.access_logging.get(operation.bucket)
    return Reply(headers=(XML,), body=xml_out.document(_ROOT, "" if target is None else _target_element(target)))


def read_target(document: bytes) -> LoggingTarget | None:
    """What a BucketLoggingStatus names, None for one that switches the log off.

    Raises ``XML_MALFORMED``, and ``OPERATION_UNKNOWN`` for grants.
    """
    root = _children(read_tree(document, _ROOT), "LoggingEnabled")
    if "LoggingEnabled" not in root:
        return None
    enabled = _children(root["LoggingEnabled"], "TargetBucket", "TargetPrefix", "TargetGrants", "TargetObjectKeyFormat")
    if "TargetGrants" in enabled and enabled["TargetGrants"].children:
        raise Problem(errors.OPERATION_UNKNOWN, "TargetGrants are not implemented: use a policy of the target bucket.")
    if "TargetBucket" not in enabled or "TargetPrefix" not in enabled:
        raise Problem(errors.XML_MALFORMED, "LoggingEnabled needs TargetBucket and TargetPrefix.")
    return LoggingTarget(
        bucket=enabled["TargetBucket"].text.strip(),
        prefix=enabled["TargetPrefix"].text,
        partitioned=_key_format(enabled.get("TargetObjectKeyFormat")),
    )


def _key_format(element: Element | None) -> str:
    if element is None:
        return SIMPLE
    formats = _children(element, "SimplePrefix", "PartitionedPrefix")
    if len(formats) != 1:
        raise Problem(errors.XML_MALFORMED, "TargetObjectKeyFormat has one of SimplePrefix and PartitionedPrefix.")
    partitioned = formats.get("PartitionedPrefix")
    if partitioned is None:
        return SIMPLE
    source = _children(partitioned, "PartitionDateSource").get("PartitionDateSource")
    date = DELIVERY_TIME if source is None else source.text.strip()
    if date not in (EVENT_TIME, DELIVERY_TIME):
        raise Problem(errors.XML_MALFORMED, f"PartitionDateSource is EventTime or DeliveryTime, not {shown(date)}.")
    return date


def _children(element: Element, *known: str) -> dict[str, Element]:
    """The elements below ``element``, each at most once and known."""
    found: dict[str, Element] = {}
    for child in element.children:
        if child.name not in known or child.name in found:
            raise Problem(errors.XML_MALFORMED, f"{child.name} does not belong into {element.name}, or not twice.")
        found[child.name] = child
    return found


def _target_element(target: LoggingTarget) -> str:
    names = xml_out.element("TargetBucket", target.bucket) + xml_out.element("TargetPrefix", target.prefix)
    form = ""
    if target.partitioned != SIMPLE:
        date = xml_out.element("PartitionDateSource", target.partitioned)
        form = f"<TargetObjectKeyFormat><PartitionedPrefix>{date}</PartitionedPrefix></TargetObjectKeyFormat>"
    return f"<LoggingEnabled>{names}{form}</LoggingEnabled>"


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="logging"),
        What(
            name="PutBucketLogging",
            summary="Set where a bucket's access log is kept.",
            action=actions.PUT_BUCKET_LOGGING,
            takes_body=True,
        ),
        parse_put,
        put,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="logging"),
        What(
            name="GetBucketLogging",
            summary="Read where a bucket's access log is kept.",
            action=actions.GET_BUCKET_LOGGING,
        ),
        parse_get,
        get,
    ),
)
