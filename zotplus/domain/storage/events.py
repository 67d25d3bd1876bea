"""Which events of a bucket are told to whom: the rules of a notification configuration.

Spec: Amazon S3 User Guide, "Amazon S3 Event Notifications", "Event notification types and destinations", "Configuring
event notifications using object key name filtering"; S3 API Reference, PutBucketNotificationConfiguration.
"""

import re
from enum import StrEnum
from functools import lru_cache
from itertools import combinations
from typing import Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

RULES_MAX: Final = 100
"""Rules of a bucket (S3 User Guide, "Event notifications", at most 100 configurations)."""
_ID_MAX: Final = 255  # Amazon's limit for the ids of rules
_ARN_MAX: Final = 512
_FILTER_MAX: Final = 1_024  # no key is longer

OCCURRING: Final = (
    "ObjectCreated:Put",
    "ObjectCreated:Post",
    "ObjectCreated:Copy",
    "ObjectCreated:CompleteMultipartUpload",
    "ObjectRemoved:Delete",
    "ObjectRemoved:DeleteMarkerCreated",
    "ObjectTagging:Put",
    "ObjectTagging:Delete",
    "ObjectAcl:Put",
    "LifecycleExpiration:Delete",
    "LifecycleExpiration:DeleteMarkerCreated",
    "LifecycleTransition",
)
"""All events that there are here, by Amazon's names without ``s3:``."""
TEST_EVENT: Final = "TestEvent"
"""Told to every destination of a configuration when it is set."""

_FAMILIES: Final = {
    f"{family}:*": tuple(name for name in OCCURRING if name.startswith(f"{family}:"))
    for family in ("ObjectCreated", "ObjectRemoved", "ObjectTagging", "LifecycleExpiration")
}
_ELSEWHERE: Final = frozenset(
    (
        *("ReducedRedundancyLostObject", "IntelligentTiering", "ObjectRestore:*", "ObjectRestore:Post"),
        *("ObjectRestore:Completed", "ObjectRestore:Delete", "Replication:*", "Replication:OperationFailedReplication"),
        *("Replication:OperationMissedThreshold", "Replication:OperationReplicatedAfterThreshold"),
        "Replication:OperationNotTracked",
    )
)
"""Events of Amazon's that never happen here."""

_find_webhook = re.compile(
    r"arn:(?:zotplus:webhook|aws[a-z-]*:(?:sns|sqs|lambda)):[a-z0-9-]*:[0-9]*:(?:function:)?([A-Za-z0-9_-]{1,64})",
    re.ASCII,
).fullmatch
"""Whether an ARN can be a webhook's, and its name: ``arn:zotplus:webhook:::name`` and Amazon's three forms."""


class Destination(StrEnum):
    """As what a destination is named. All of them are webhooks; a client reads the form back that it wrote."""

    TOPIC = "topic"
    QUEUE = "queue"
    FUNCTION = "function"


class Rule(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Events of keys with this prefix and suffix go to ``webhook``, which ``arn`` names; ``events`` as the client's.

    They are without ``s3:``, and may be ``ObjectCreated:*`` and the like.
    """

    id: str
    destination: str
    arn: str
    webhook: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def covers(self, name: str, key: str) -> bool:
        """Whether the event ``name`` of the object ``key`` is told by this rule."""
        return key.startswith(self.prefix) and key.endswith(self.suffix) and name in expanded(self.events)


def webhook_of(arn: str) -> str:
    """The name of the webhook that ``arn`` stands for. Raises ``ARGUMENT_INVALID``."""
    found = _find_webhook(arn) if len(arn) <= _ARN_MAX else None
    if found is None:
        raise _invalid(
            "The ARN could not be parsed: it must be arn:zotplus:webhook:::name, or name a webhook as "
            "arn:aws:sqs:region:account:name, arn:aws:sns:… or arn:aws:lambda:….",
            arn,
        )
    return found[1]


def read_event(text: str) -> str:
    """The event that a client names (``s3:ObjectCreated:*``), without ``s3:``.

    Raises ``ARGUMENT_INVALID``, and ``OPERATION_UNKNOWN`` for events of Amazon's that never happen here.
    """
    name = text.removeprefix("s3:")
    if name in _ELSEWHERE:
        raise Problem(errors.OPERATION_UNKNOWN, f"The event {text} never happens here.")
    if not text.startswith("s3:") or (name not in OCCURRING and name not in _FAMILIES):
        raise _invalid("The event is not supported for notifications.", text)
    return name


@lru_cache(maxsize=256)
def expanded(events: tuple[str, ...]) -> frozenset[str]:
    """Every event that ``events`` name."""
    return frozenset(name for event in events for name in _FAMILIES.get(event, (event,)))


def check_rules(rules: tuple[Rule, ...]) -> None:
    """Judge the rules of one bucket together. Raises ``ARGUMENT_INVALID``."""
    if len(rules) > RULES_MAX:
        raise _invalid(f"A bucket has at most {RULES_MAX} notification configurations.", str(len(rules)))
    if len({rule.id for rule in rules}) < len(rules):
        raise _invalid("Same ID used for multiple configurations. IDs must be unique.", "")
    for rule in rules:
        _check_texts(rule)
    for first, second in combinations(rules, 2):
        _check_pair(first, second)


def _check_texts(rule: Rule) -> None:
    if not rule.events:
        raise _invalid("A notification configuration needs at least one event.", rule.id)
    if not 1 <= len(rule.id) <= _ID_MAX:
        raise _invalid(f"An ID has 1 to {_ID_MAX} characters.", rule.id)
    for text in (rule.prefix, rule.suffix):
        if len(text.encode()) > _FILTER_MAX:
            raise _invalid(f"A filter rule's value has at most {_FILTER_MAX} bytes.", text)


def _check_pair(first: Rule, second: Rule) -> None:
    """An event must not fit both: it would be told twice."""
    shared = expanded(first.events) & expanded(second.events)
    if not shared or not _nested(first.prefix, second.prefix) or not _nested(first.suffix[::-1], second.suffix[::-1]):
        return
    if not (first.prefix or first.suffix or second.prefix or second.suffix):
        detail = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    else:
        detail = (
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
            "overlapping for the same event type."
        )
    raise _invalid(detail, ", ".join(f"s3:{name}" for name in sorted(shared)))


def _nested(first: str, second: str) -> bool:
    return first.startswith(second) or second.startswith(first)


def _invalid(detail: str, value: str) -> Problem:
    return Problem(
        errors.ARGUMENT_INVALID, detail, ArgumentName="NotificationConfiguration", ArgumentValue=value[:_ID_MAX]
    )
