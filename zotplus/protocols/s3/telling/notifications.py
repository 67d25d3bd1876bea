"""Who is told of a bucket's events: PutBucketNotificationConfiguration, GetBucketNotificationConfiguration.

Topics, queues and functions are all webhooks of the settings here, named by an ARN; a client reads the form back that
it wrote. EventBridge is refused: there is none, and it would be believed to be told.

Spec: Amazon S3 API Reference, PutBucketNotificationConfiguration, GetBucketNotificationConfiguration.
"""

import secrets

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.storage.events import Destination, Rule, read_event, webhook_of
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request, argument_invalid
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import DOCUMENT_LIMIT, Element, read_fields, read_tree
from zotplus.protocols.s3.xml_out import XML

_ROOT = "NotificationConfiguration"
_FORMS = {
    "TopicConfiguration": (Destination.TOPIC, "Topic"),
    "QueueConfiguration": (Destination.QUEUE, "Queue"),
    "CloudFunctionConfiguration": (Destination.FUNCTION, "CloudFunction"),
}
_SKIP_VALIDATION = "x-amz-skip-destination-validation"


class PutBucketNotificationConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in place of those that are there; ``validate`` whether their webhooks must be known."""

    bucket: str
    validate: bool
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_BUCKET_NOTIFICATION.name, f"s3:{self.bucket}"),)


def parse_put(request: Request) -> PutBucketNotificationConfiguration:
    """Raises ``ARGUMENT_INVALID`` and what ``payload.parse_incoming`` does."""
    skip = (request.header(_SKIP_VALIDATION) or "false").lower()
    if skip not in ("true", "false"):
        raise argument_invalid(_SKIP_VALIDATION, skip, f"{_SKIP_VALIDATION} is true or false.")
    return PutBucketNotificationConfiguration(
        bucket=request.bucket, validate=skip == "false", body=payload.parse_incoming(request)
    )


async def put(context: Context, operation: PutBucketNotificationConfiguration) -> Reply:
    """Raises ``XML_MALFORMED``, ``OPERATION_UNKNOWN``, ``ARGUMENT_INVALID``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, DOCUMENT_LIMIT)
    rules = read_rules(document)
    notifications = context.services.events.notifications
    await notifications.put(operation.bucket, rules, context.actor, validate=operation.validate)
    return Reply()


class GetBucketNotificationConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that are set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (Need(actions.GET_BUCKET_NOTIFICATION.name, f"s3:{self.bucket}"),)


def parse_get(request: Request) -> GetBucketNotificationConfiguration:
    """Only the name."""
    return GetBucketNotificationConfiguration(bucket=request.bucket)


async def get(context: Context, operation: GetBucketNotificationConfiguration) -> Reply:
    """An empty document where there are none. Raises ``BUCKET_NOT_FOUND``."""
    rules = await context.services.events.notifications.get(operation.bucket)
    return Reply(headers=(XML,), body=xml_out.document(_ROOT, "".join(map(_rule_element, rules))))


def read_rules(document: bytes) -> tuple[Rule, ...]:
    """The rules of a NotificationConfiguration, not yet judged together.

    Raises ``XML_MALFORMED``, ``ARGUMENT_INVALID``, ``OPERATION_UNKNOWN``.
    """
    return tuple([_rule(child) for child in read_tree(document, _ROOT).children])


def _rule(element: Element) -> Rule:
    if element.name == "EventBridgeConfiguration":
        raise Problem(errors.OPERATION_UNKNOWN, "EventBridgeConfiguration is not implemented: name a webhook.")
    if element.name not in _FORMS:
        raise _misplaced(element, _ROOT)
    destination, address = _FORMS[element.name]
    leaves: dict[str, str] = {}
    events: list[str] = []
    prefix = suffix = ""
    for child in element.children:
        if child.name == "Event" and not child.children:
            events.append(read_event(child.text.strip()))
        elif child.name == "Filter":
            prefix, suffix = _filter(child)
        elif child.name in ("Id", address) and child.name not in leaves and not child.children:
            leaves[child.name] = child.text.strip()
        else:
            raise _misplaced(child, element.name)
    arn = leaves.get(address, "")
    return Rule(
        id=leaves.get("Id") or secrets.token_hex(16),
        destination=destination.value,
        arn=arn,
        webhook=webhook_of(arn),
        events=tuple(events),
        prefix=prefix,
        suffix=suffix,
    )


def _filter(element: Element) -> tuple[str, str]:
    """Prefix and suffix."""
    found: dict[str, str] = {}
    for part in element.children:
        if part.name != "S3Key":
            raise _misplaced(part, element.name)
        for rule in part.children:
            if rule.name != "FilterRule":
                raise _misplaced(rule, part.name)
            fields = read_fields(rule, ("Name", "Value"))
            name = fields.get("Name", "").strip().lower()
            if name not in ("prefix", "suffix"):
                raise argument_invalid("FilterRule.Name", name, "filter rule name must be either prefix or suffix")
            if name in found:
                raise argument_invalid(
                    "FilterRule.Name", name, f"Cannot specify more than one {name} rule in a filter."
                )
            found[name] = fields.get("Value", "")
    return found.get("prefix", ""), found.get("suffix", "")


def _misplaced(element: Element, parent: str) -> Problem:
    return Problem(errors.XML_MALFORMED, f"{element.name} does not belong into {parent}, or not twice.")


def _rule_element(rule: Rule) -> str:
    form, address = next((form, address) for form, (kind, address) in _FORMS.items() if kind == rule.destination)
    events = "".join([xml_out.element("Event", f"s3:{event}") for event in rule.events])
    filters = "".join(
        [
            f"<FilterRule>{xml_out.element('Name', name)}{xml_out.element('Value', value)}</FilterRule>"
            for name, value in (("prefix", rule.prefix), ("suffix", rule.suffix))
            if value
        ]
    )
    filtering = f"<Filter><S3Key>{filters}</S3Key></Filter>" if filters else ""
    return f"<{form}>{xml_out.element('Id', rule.id)}{xml_out.element(address, rule.arn)}{events}{filtering}</{form}>"


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="notification"),
        What(
            name="PutBucketNotificationConfiguration",
            summary="Set which webhooks are told of a bucket's events.",
            action=actions.PUT_BUCKET_NOTIFICATION,
            takes_body=True,
        ),
        parse_put,
        put,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="notification"),
        What(
            name="GetBucketNotificationConfiguration",
            summary="Read which webhooks are told of a bucket's events.",
            action=actions.GET_BUCKET_NOTIFICATION,
        ),
        parse_get,
        get,
    ),
)
