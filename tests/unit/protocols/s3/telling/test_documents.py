"""The documents of notifications and access logs, read strictly."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.access_lines import DELIVERY_TIME, LoggingTarget
from zotplus.protocols.s3.telling.logging import read_target
from zotplus.protocols.s3.telling.notifications import read_rules

HOOK = "<Queue>arn:zotplus:webhook:::hook</Queue><Event>s3:ObjectCreated:Put</Event>"


def rules(content):
    return read_rules(f"<NotificationConfiguration>{content}</NotificationConfiguration>".encode())


def filtered(content):
    return rules(f"<QueueConfiguration>{HOOK}<Filter>{content}</Filter></QueueConfiguration>")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<Nonsense/>", errors.XML_MALFORMED),
        ("<EventBridgeConfiguration/>", errors.OPERATION_UNKNOWN),
        (f"<QueueConfiguration>{HOOK}<Topic>x</Topic></QueueConfiguration>", errors.XML_MALFORMED),
        (f"<QueueConfiguration>{HOOK}<Queue>x</Queue></QueueConfiguration>", errors.XML_MALFORMED),
        ("<QueueConfiguration><Id><Id/></Id></QueueConfiguration>", errors.XML_MALFORMED),
        ("<QueueConfiguration><Event><Event/></Event></QueueConfiguration>", errors.XML_MALFORMED),
        ("<QueueConfiguration><Event>s3:ObjectCreated:Put</Event></QueueConfiguration>", errors.ARGUMENT_INVALID),
    ],
)
def test_a_notification_that_is_none_is_refused(content, fault):
    with pytest.raises(Problem) as caught:
        rules(content)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<S3Tag/>", errors.XML_MALFORMED),
        ("<S3Key><Nonsense/></S3Key>", errors.XML_MALFORMED),
        ("<S3Key><FilterRule><Name>prefix</Name><Other/></FilterRule></S3Key>", errors.XML_MALFORMED),
        ("<S3Key><FilterRule><Name>infix</Name></FilterRule></S3Key>", errors.ARGUMENT_INVALID),
        ("<S3Key><FilterRule/></S3Key>", errors.ARGUMENT_INVALID),
        ("<S3Key>" + "<FilterRule><Name>Suffix</Name></FilterRule>" * 2 + "</S3Key>", errors.ARGUMENT_INVALID),
    ],
)
def test_a_filter_that_is_none_is_refused(content, fault):
    with pytest.raises(Problem) as caught:
        filtered(content)
    assert caught.value.fault is fault


def test_names_of_filters_may_be_capitals_and_values_empty():
    (rule,) = filtered("<S3Key><FilterRule><Name>Prefix</Name><Value>a b/</Value></FilterRule></S3Key>")
    assert (rule.prefix, rule.suffix) == ("a b/", "")
    (rule,) = filtered("<S3Key><FilterRule><Name>suffix</Name></FilterRule></S3Key>")
    assert (rule.prefix, rule.suffix) == ("", "")
    (rule,) = filtered("")
    assert (rule.prefix, rule.suffix) == ("", "")


def logging(content):
    return read_target(f"<BucketLoggingStatus>{content}</BucketLoggingStatus>".encode())


BOTH = "<SimplePrefix/><PartitionedPrefix/>"
PLACE = "<TargetBucket>logs</TargetBucket><TargetPrefix>a/</TargetPrefix>"


@pytest.mark.parametrize(
    "content",
    [
        "<Nonsense/>",
        "<LoggingEnabled/>",
        "<LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled>",
        f"<LoggingEnabled>{PLACE}{PLACE}</LoggingEnabled>",
        f"<LoggingEnabled>{PLACE}<TargetObjectKeyFormat>{BOTH}</TargetObjectKeyFormat></LoggingEnabled>",
        f"<LoggingEnabled>{PLACE}</LoggingEnabled><LoggingEnabled>{PLACE}</LoggingEnabled>",
    ],
)
def test_a_target_that_is_none_is_refused(content):
    with pytest.raises(Problem) as caught:
        logging(content)
    assert caught.value.fault is errors.XML_MALFORMED


def test_targets_are_read():
    assert logging("") is None
    assert logging(f"<LoggingEnabled>{PLACE}<TargetGrants/></LoggingEnabled>") == LoggingTarget(
        bucket="logs", prefix="a/"
    )
    form = "<TargetObjectKeyFormat><PartitionedPrefix/></TargetObjectKeyFormat>"
    found = logging(f"<LoggingEnabled>{PLACE}{form}</LoggingEnabled>")
    assert found.partitioned == DELIVERY_TIME
