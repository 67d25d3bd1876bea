"""What lifecycle rules must not say."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.rules import (
    Filter,
    NoncurrentExpiration,
    NoncurrentTransition,
    Rule,
    RuleSet,
    Transition,
    When,
)
from zotplus.domain.storage.lifecycle.validation import check_rules, describe

CLASSES = ("COOL", "STANDARD_IA", "COLD")
DAY = 86_400


def rule(**told):
    return Rule(**{"id": "a", "is_enabled": True, "filter": Filter(), "expiration": When(days=1)} | told)


def moves(*pairs, unit="days"):
    return tuple(Transition(when=When(**{unit: when}), storage_class=name) for name, when in pairs)


def later(*pairs, newer=0):
    return tuple(NoncurrentTransition(days=when, storage_class=name, newer=newer) for name, when in pairs)


@pytest.mark.parametrize("one", [
    rule(),
    rule(expiration=When(date=3 * DAY)),
    rule(expiration=None, expires_markers=True),
    rule(expiration=None, abort_days=1, filter=Filter(prefix="x")),
    rule(expiration=None, transitions=moves(("COOL", 0), ("STANDARD_IA", 30), ("COLD", 31))),
    rule(expiration=When(days=32), transitions=moves(("STANDARD_IA", 30), ("COLD", 31))),
    rule(expiration=When(date=9 * DAY), transitions=moves(("COOL", DAY), ("COLD", 8 * DAY), unit="date")),
    rule(expiration=None, noncurrent_expiration=NoncurrentExpiration(days=1, newer=100)),
    rule(expiration=None, noncurrent_transitions=later(("COOL", 0), ("COLD", 1), newer=3)),
    rule(noncurrent_transitions=later(("COOL", 1)), noncurrent_expiration=NoncurrentExpiration(days=2)),
    rule(filter=Filter(prefix="x", tags=(("a", "b"), ("c", "")), larger_than=0, smaller_than=5 * 1024**4)),
    rule(id=""),
    rule(id="x" * 255),
])  # fmt: skip
def test_what_makes_sense_is_taken(one):
    check_rules(RuleSet(rules=(one,)), CLASSES)


@pytest.mark.parametrize(("told", "fault", "words"), [
    ({"id": "x" * 256}, errors.ARGUMENT_INVALID, "ID length should not exceed allowed limit of 255"),
    ({"expiration": None}, errors.REQUEST_INVALID, "At least one action needs to be specified in a rule"),
    ({"expiration": When(days=0)}, errors.ARGUMENT_INVALID, "'Days' for Expiration action must be a positive integer"),
    ({"expiration": When(days=-1)}, errors.ARGUMENT_INVALID, "'Days' for Expiration action must be a positive integer"),
    ({"expiration": When()}, errors.XML_MALFORMED, "Days or Date"),
    ({"expiration": When(days=1, date=DAY)}, errors.XML_MALFORMED, "Days or Date"),
    ({"expiration": When(date=DAY + 1)}, errors.ARGUMENT_INVALID, "'Date' must be at midnight GMT"),
    ({"expires_markers": True}, errors.XML_MALFORMED, "ExpiredObjectDeleteMarker"),
    ({"expiration": None, "expires_markers": True, "filter": Filter(tags=(("a", "b"),))}, errors.REQUEST_INVALID,
     "ExpiredObjectDeleteMarker cannot be specified with Tags."),
    ({"expiration": None, "expires_markers": True, "filter": Filter(larger_than=1)}, errors.REQUEST_INVALID,
     "ExpiredObjectDeleteMarker cannot be specified with Object Size."),
    ({"abort_days": 1, "filter": Filter(tags=(("a", "b"),))}, errors.REQUEST_INVALID,
     "AbortIncompleteMultipartUpload cannot be specified with Tags."),
    ({"abort_days": 1, "filter": Filter(smaller_than=1)}, errors.REQUEST_INVALID,
     "AbortIncompleteMultipartUpload cannot be specified with Object Size."),
    ({"abort_days": 0}, errors.ARGUMENT_INVALID,
     "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"),
    ({"noncurrent_expiration": NoncurrentExpiration(days=0)}, errors.ARGUMENT_INVALID,
     "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"),
    ({"noncurrent_expiration": NoncurrentExpiration(days=1, newer=101)}, errors.ARGUMENT_INVALID, "at most 100"),
    ({"noncurrent_expiration": NoncurrentExpiration(days=1, newer=-1)}, errors.ARGUMENT_INVALID, "at most 100"),
    ({"noncurrent_expiration": NoncurrentExpiration(days=1, newer=1), "filter": Filter(prefix="", is_plain=True)},
     errors.REQUEST_INVALID, "requires a Filter element"),
    ({"expiration": None, "transitions": moves(("NOWHERE", 1))}, errors.OPERATION_UNKNOWN, "NOWHERE"),
    ({"noncurrent_transitions": later(("NOWHERE", 1))}, errors.OPERATION_UNKNOWN, "NOWHERE"),
    ({"expiration": None, "transitions": moves(("COOL", -1))}, errors.ARGUMENT_INVALID, "must be nonnegative"),
    ({"expiration": None, "transitions": moves(("STANDARD_IA", 29))}, errors.ARGUMENT_INVALID,
     "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"),
    ({"noncurrent_transitions": later(("STANDARD_IA", 29))}, errors.ARGUMENT_INVALID, "greater than or equal to 30"),
    ({"expiration": None, "transitions": moves(("COOL", 1), ("COOL", 2))}, errors.REQUEST_INVALID, "must be different"),
    ({"noncurrent_transitions": later(("COOL", 1), ("COOL", 2))}, errors.REQUEST_INVALID, "must be different"),
    ({"expiration": None, "transitions": (*moves(("COOL", 1)), *moves(("COLD", DAY), unit="date"))},
     errors.REQUEST_INVALID, "Found mixed 'Date' and 'Days' based Transition actions"),
    ({"transitions": moves(("COOL", DAY), unit="date")}, errors.REQUEST_INVALID,
     "Found mixed 'Date' and 'Days' based Expiration and Transition actions"),
    ({"expiration": None, "transitions": moves(("COOL", 5), ("COLD", 5))}, errors.ARGUMENT_INVALID, "must be greater"),
    ({"expiration": None, "transitions": moves(("COOL", 6 * DAY), ("COLD", DAY), unit="date")}, errors.ARGUMENT_INVALID,
     "'Date' in the 'Transition' action"),
    ({"expiration": When(days=3), "transitions": moves(("COOL", 3))}, errors.ARGUMENT_INVALID,
     "'Days' in the Expiration action for filter '(prefix=p)' must be greater than 'Days' in the Transition action"),
    ({"expiration": When(date=DAY), "transitions": moves(("COOL", DAY), unit="date")}, errors.ARGUMENT_INVALID,
     "'Date' in the Expiration action"),
    ({"noncurrent_transitions": later(("COOL", -1))}, errors.ARGUMENT_INVALID, "must be nonnegative"),
    ({"noncurrent_transitions": later(("COOL", 2), ("COLD", 1))}, errors.ARGUMENT_INVALID, "must be greater"),
    ({"noncurrent_transitions": later(("COOL", 2)), "noncurrent_expiration": NoncurrentExpiration(days=2)},
     errors.ARGUMENT_INVALID, "must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action"),
    ({"filter": Filter(prefix="x" * 1025)}, errors.REQUEST_INVALID, "The maximum size of a prefix is 1024."),
    ({"filter": Filter(tags=(("a", "b"), ("a", "c")))}, errors.REQUEST_INVALID, "Duplicate Tag Keys are not allowed."),
    ({"filter": Filter(tags=(("", "b"),))}, errors.TAG_INVALID, "TagKey"),
    ({"filter": Filter(tags=tuple((str(number), "") for number in range(11)))}, errors.TAGS_TOO_MANY, "10"),
    ({"filter": Filter(larger_than=-1)}, errors.REQUEST_INVALID, "object size"),
    ({"filter": Filter(smaller_than=0)}, errors.REQUEST_INVALID, "object size"),
    ({"filter": Filter(larger_than=5, smaller_than=5)}, errors.REQUEST_INVALID, "ObjectSizeLessThan"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_in_amazons_words(told, fault, words):
    with pytest.raises(Problem) as raised:
        check_rules(RuleSet(rules=(rule(**{"filter": Filter(prefix="p")} | told),)), CLASSES)
    assert raised.value.fault is fault
    assert words in raised.value.detail


@pytest.mark.parametrize(("rules", "fault"), [
    (RuleSet(rules=()), errors.XML_MALFORMED),
    (RuleSet(rules=tuple(rule(id=str(number)) for number in range(1001))), errors.XML_MALFORMED),
    (RuleSet(rules=(rule(), rule())), errors.ARGUMENT_INVALID),
    (RuleSet(rules=(rule(),), minimum="none"), errors.ARGUMENT_INVALID),
])  # fmt: skip
def test_rules_that_do_not_fit_together_are_refused(rules, fault):
    with pytest.raises(Problem) as raised:
        check_rules(rules, CLASSES)
    assert raised.value.fault is fault


def test_a_filter_is_described_as_amazon_does():
    wanted = Filter(prefix="a/", tags=(("x", "1"),), larger_than=2, smaller_than=3)
    assert describe(wanted) == "(prefix=a/ and tag=(x,1) and sizegreaterthan=2 and sizelessthan=3)"
    assert describe(Filter()) == "()"
