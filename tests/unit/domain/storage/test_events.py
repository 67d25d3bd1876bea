"""The rules of notification configurations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.events import (
    OCCURRING,
    Destination,
    Rule,
    check_rules,
    expanded,
    read_event,
    webhook_of,
)


def rule(id_="one", events=("ObjectCreated:*",), **changes):
    made = {"destination": Destination.QUEUE.value, "arn": "arn:zotplus:webhook:::hook", "webhook": "hook"}
    return Rule(id=id_, events=events, **{**made, **changes})


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:zotplus:webhook:::hook", "hook"),
        ("arn:zotplus:webhook:us-east-1:000000000000:hook_2", "hook_2"),
        ("arn:aws:sqs:us-east-1:000000000000:hook-3", "hook-3"),
        ("arn:aws:sns:us-east-1:123456789012:Hook", "Hook"),
        ("arn:aws:lambda:us-east-1:123456789012:function:hook", "hook"),
        ("arn:aws-cn:sqs::1:hook", "hook"),
    ],
)
def test_an_arn_names_a_webhook(arn, name):
    assert webhook_of(arn) == name


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "hook",
        "arn:aws:s3:::bucket",
        "arn:zotplus:webhook:::",
        "arn:zotplus:webhook:::a b",
        "arn:zotplus:webhook:::http://169.254.169.254/",
        "arn:zotplus:webhook:::" + "a" * 65,
        "arn:aws:sqs:us-east-1:" + "1" * 600 + ":hook",
    ],
)
def test_an_arn_of_something_else_is_refused(arn):
    with pytest.raises(Problem) as caught:
        webhook_of(arn)
    assert caught.value.fault is errors.ARGUMENT_INVALID


def test_events_are_read_by_amazons_names():
    assert read_event("s3:ObjectCreated:*") == "ObjectCreated:*"
    assert read_event("s3:ObjectRemoved:Delete") == "ObjectRemoved:Delete"


@pytest.mark.parametrize("text", ["ObjectCreated:*", "s3:ObjectCreated", "s3:*", "s3:ObjectAcl:*", "", "s3:TestEvent"])
def test_an_event_that_is_not_known_is_refused(text):
    with pytest.raises(Problem) as caught:
        read_event(text)
    assert caught.value.fault is errors.ARGUMENT_INVALID


@pytest.mark.parametrize("text", ["s3:ReducedRedundancyLostObject", "s3:Replication:*", "s3:ObjectRestore:Post"])
def test_an_event_that_never_happens_here_is_refused_as_not_implemented(text):
    with pytest.raises(Problem) as caught:
        read_event(text)
    assert caught.value.fault is errors.OPERATION_UNKNOWN


def test_a_family_stands_for_its_events():
    assert expanded(("ObjectRemoved:*", "ObjectAcl:Put")) == {
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectAcl:Put",
    }


def test_a_rule_covers_its_events_of_keys_with_its_prefix_and_suffix():
    narrow = rule(prefix="images/", suffix=".jpg")
    assert narrow.covers("ObjectCreated:Copy", "images/a.jpg")
    assert not narrow.covers("ObjectRemoved:Delete", "images/a.jpg")
    assert not narrow.covers("ObjectCreated:Copy", "images/a.png")
    assert not narrow.covers("ObjectCreated:Copy", "a.jpg")


def refusal(*rules):
    with pytest.raises(Problem) as caught:
        check_rules(rules)
    assert caught.value.fault is errors.ARGUMENT_INVALID
    return caught.value.detail


def test_rules_that_share_an_event_are_refused_in_amazons_words():
    assert "cannot share a common event type" in refusal(rule(), rule("two", ("ObjectCreated:Put",)))
    assert "ambiguously defined" in refusal(rule(prefix="a"), rule("two", prefix="ab"))
    assert "ambiguously defined" in refusal(rule(suffix=".jpg"), rule("two", prefix="a"))


def test_rules_that_no_event_fits_both_are_taken():
    check_rules(())
    check_rules((rule(), rule("two", ("ObjectRemoved:*",))))
    check_rules((rule(prefix="a/"), rule("two", prefix="b/")))
    check_rules((rule(suffix=".jpg"), rule("two", suffix=".png")))


def test_rules_have_limits():
    assert "at most 100" in refusal(*[rule(str(n), prefix=f"{n}/") for n in range(101)])
    assert "IDs must be unique" in refusal(rule(), rule(events=("ObjectRemoved:*",)))
    assert "at least one event" in refusal(rule(events=()))
    assert "1 to 255" in refusal(rule(id_=""))
    assert "1 to 255" in refusal(rule(id_="a" * 256))
    assert "1024 bytes" in refusal(rule(prefix="é" * 513))
    assert "1024 bytes" in refusal(rule(suffix="a" * 1_025))


texts = st.text(alphabet="ab", max_size=3)


@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=4), st.text(alphabet="ab", max_size=6))
def test_no_event_is_told_twice_by_rules_that_are_taken(filters, key):
    rules = tuple(rule(str(n), prefix=prefix, suffix=suffix) for n, (prefix, suffix) in enumerate(filters))
    try:
        check_rules(rules)
    except Problem:
        return
    for name in OCCURRING:
        assert sum(one.covers(name, key) for one in rules) <= 1
