"""Conditional requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain import conditions, errors
from zotplus.domain.conditions import ReadConditions, WriteConditions, check_copy_source, check_read, check_write
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.records.objects import ObjectRecord

MODIFIED = 784111777.5
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
ETAG = "d41d8cd98f00b204e9800998ecf8427e"


def outcome(headers, check=check_read, parse=conditions.parse_read_conditions):
    try:
        check(parse(PlainHeaders(headers.items())), ETAG, MODIFIED)
    except Problem as problem:
        return problem.fault.status
    return 200


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 200),
    ({"If-Match": f'"{ETAG}"'}, 200),
    ({"If-Match": ETAG}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": f'"x", "{ETAG}"'}, 200),
    ({"If-Match": f'W/"{ETAG}"'}, 412),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": ""}, 412),
    ({"If-None-Match": f'"{ETAG}"'}, 304),
    ({"If-None-Match": f'W/"{ETAG}"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": "garbage"}, 200),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": "garbage"}, 200),
    # RFC 9110 section 13.2.2: a tag decides, its date is not looked at.
    ({"If-Match": ETAG, "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Match": "x", "If-Unmodified-Since": DATE}, 412),
    ({"If-None-Match": ETAG, "If-Modified-Since": BEFORE}, 304),
    ({"If-None-Match": "x", "If-Modified-Since": DATE}, 200),
    ({"If-Match": ETAG, "If-None-Match": ETAG}, 304),
    ({"If-Match": "x", "If-None-Match": ETAG}, 412),
])  # fmt: skip
def test_reads_follow_the_precedence_of_the_specification(headers, status):
    assert outcome(headers) == status
    copied = {f"x-amz-copy-source-{name}": value for name, value in headers.items()}
    parse = conditions.parse_copy_source_conditions
    assert outcome(copied, check_copy_source, parse) == (200 if status == 200 else 412)


def existing(etag, size=0, modified_ms=0):
    return ObjectRecord(size=size, etag=etag, modified_ms=modified_ms)


@pytest.mark.parametrize(("wanted", "fault"), [
    ({"size": 5}, None),
    ({"size": 6}, errors.PRECONDITION_FAILED),
    ({"modified": 1_790_000_000}, None),
    ({"modified": 1_790_000_001}, errors.PRECONDITION_FAILED),
    ({"match": ("e",), "size": 5, "modified": 1_790_000_000}, None),
    ({"match": ("e",), "size": 4, "modified": 1_790_000_000}, errors.PRECONDITION_FAILED),
])  # fmt: skip
def test_a_deletion_may_depend_on_size_and_time(wanted, fault):
    demanded, found = WriteConditions(**wanted), None
    try:
        check_write(demanded, existing("e", 5, 1_790_000_000_999))
    except Problem as problem:
        found = problem.fault
    assert found is fault
    with pytest.raises(Problem) as raised:
        check_write(demanded, None)
    assert raised.value.fault is errors.OBJECT_NOT_FOUND


@pytest.mark.parametrize(("headers", "current", "fault"), [
    ({}, ETAG, None),
    ({}, None, None),
    ({"If-None-Match": "*"}, None, None),
    ({"If-None-Match": " * "}, ETAG, errors.PRECONDITION_FAILED),
    ({"If-None-Match": ETAG}, None, errors.OPERATION_UNKNOWN),
    ({"If-Match": ETAG}, ETAG, None),
    ({"If-Match": f'"{ETAG}"'}, ETAG, None),
    ({"If-Match": "*"}, ETAG, None),
    ({"If-Match": "x"}, ETAG, errors.PRECONDITION_FAILED),
    ({"If-Match": ETAG}, None, errors.OBJECT_NOT_FOUND),
    ({"If-Match": ETAG, "If-None-Match": "*"}, ETAG, errors.OPERATION_UNKNOWN),
    ({"If-Match": ETAG, "If-None-Match": "*"}, None, errors.OPERATION_UNKNOWN),
])  # fmt: skip
def test_writes_are_judged_as_aws_judges_them(headers, current, fault):
    found = None
    try:
        check_write(conditions.parse_write_conditions(PlainHeaders(headers.items())), current and existing(current))
    except Problem as problem:
        found = problem.fault
    assert found is fault


@pytest.mark.parametrize(("header", "holds"), [
    (f'"{ETAG}"', True),
    (ETAG, True),
    (DATE, True),
    (f'W/"{ETAG}"', False),
    ('"x"', False),
    ("*", False),
    ("", False),
    (BEFORE, False),
    ("Sun, 06 Nov 1994 08:49:38 GMT", False),
])  # fmt: skip
def test_a_range_counts_for_the_very_object_only(header, holds):
    assert conditions.is_unchanged(conditions.parse_if_range(header), ETAG, MODIFIED) is holds


def test_nothing_asked_is_nothing_built():
    headers = PlainHeaders([("Host", "h")])
    assert conditions.parse_read_conditions(headers) is conditions.UNCONDITIONAL_READ
    assert conditions.parse_write_conditions(headers) is conditions.UNCONDITIONAL_WRITE
    assert ReadConditions() == conditions.UNCONDITIONAL_READ
    assert WriteConditions() == conditions.UNCONDITIONAL_WRITE


@pytest.mark.parametrize(("header", "tags"), [
    ('"a"', ("a",)), ("a", ("a",)), ('"a","b"', ("a", "b")), ('"a" , W/"b,c" ,d', ("a", "W/b,c", "d")), ("*", ("*",)),
    ("", ()), (",,", ()), ('"', ("",)), ('"a', ("a",)), ('""', ("",)), ("W/", ("W/",)), ('"a"b', ("a", "b")),
])  # fmt: skip
def test_lists_of_tags_are_read(header, tags):
    assert conditions.parse_tags(header) == tags


@given(st.text(st.sampled_from('ab"W/*, \t')))
def test_any_list_of_tags_is_read(header):
    assert isinstance(conditions.parse_tags(header), tuple)


def test_the_number_of_tags_is_bounded():
    assert len(conditions.parse_tags("a," * 5000)) == 128
