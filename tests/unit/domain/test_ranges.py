"""Byte ranges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import From, FromTo, Part, Suffix, parse_copy_range, parse_range, resolve, resolve_copy_range


@pytest.mark.parametrize(("header", "asked"), [
    ("bytes=0-0", FromTo(first=0, last=0)), ("bytes=5-10", FromTo(first=5, last=10)), ("bytes=5-", From(first=5)),
    ("bytes=-5", Suffix(length=5)), ("bytes=-0", Suffix(length=0)), ("Bytes=1-2", FromTo(first=1, last=2)),
    ("bytes=007-8", FromTo(first=7, last=8)), ("bytes=1-" + "9" * 5000, FromTo(first=1, last=10**18)),
])  # fmt: skip
def test_single_ranges_are_read(header, asked):
    assert parse_range(header) == asked


@pytest.mark.parametrize("header", [
    "", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "bytes=1-b", "bytes=a-1",
    "items=0-1", "bytes=--1", "bytes=1--2", "bytes=+1-2", "bytes=\u0661-2", "bytes=1 -2", "bytes=0x1-2", "bytes=-5,-6",
    "bytes= -1",
])  # fmt: skip
def test_what_is_no_single_range_is_ignored(header):
    assert parse_range(header) is None


@pytest.mark.parametrize(("asked", "size", "found"), [
    (FromTo(first=0, last=0), 1, (0, 1)), (FromTo(first=2, last=99), 10, (2, 8)), (From(first=9), 10, (9, 1)),
    (Suffix(length=3), 10, (7, 3)), (Suffix(length=30), 10, (0, 10)), (Suffix(length=1), 0, (0, 0)),
    (Part(number=1), 7, (0, 7)), (Part(number=1), 0, (0, 0)),
])  # fmt: skip
def test_a_range_is_cut_to_the_object(asked, size, found):
    assert resolve(asked, size) == found


@pytest.mark.parametrize(("asked", "size", "text"), [
    (FromTo(first=10, last=11), 10, "bytes=10-11"), (From(first=10), 10, "bytes=10-"), (From(first=0), 0, "bytes=0-"),
    (Suffix(length=0), 10, "bytes=-0"),
])  # fmt: skip
def test_a_range_outside_the_object_is_unsatisfiable(asked, size, text):
    with pytest.raises(Problem) as caught:
        resolve(asked, size)
    assert caught.value.fault is errors.RANGE_UNSATISFIABLE
    assert caught.value.fields == {"ActualObjectSize": size, "RangeRequested": text}


def test_a_part_is_a_range_of_the_object():
    assert [resolve(Part(number=number), 12, (5, 4, 3)) for number in (1, 2, 3)] == [(0, 5), (5, 4), (9, 3)]


@pytest.mark.parametrize(("number", "sizes"), [(2, ()), (4, (5, 4, 3))])
def test_a_part_that_was_never_uploaded_is_unsatisfiable(number, sizes):
    with pytest.raises(Problem) as caught:
        resolve(Part(number=number), 12, sizes)
    assert caught.value.fault is errors.PART_NUMBER_UNSATISFIABLE
    assert caught.value.fields == {"ActualPartCount": len(sizes) or 1, "PartNumberRequested": number}


@settings(max_examples=200)
@given(st.integers(0, 60), st.integers(0, 60), st.binary(max_size=50))
def test_a_range_is_a_slice(first, last, content):
    asked = parse_range(f"bytes={first}-{last}")
    if first > last:
        assert asked is None
    elif first < len(content):
        start, length = resolve(asked, len(content))
        assert content[start : start + length] == content[first : last + 1]


def test_the_range_of_a_copied_part_has_one_form():
    assert parse_copy_range("bytes=0-5") == FromTo(first=0, last=5)
    for header in ("", "0-5", "bytes=0-", "bytes=-5", "bytes=5-0", "bytes=0-1,2-3", "BYTES=0-1"):
        with pytest.raises(Problem) as caught:
            parse_copy_range(header)
        assert caught.value.fault is errors.ARGUMENT_INVALID


def test_the_range_of_a_copied_part_lies_within_its_source():
    assert resolve_copy_range(FromTo(first=2, last=5), 6) == (2, 4)
    with pytest.raises(Problem) as caught:
        resolve_copy_range(FromTo(first=2, last=6), 6)
    assert caught.value.fault is errors.ARGUMENT_INVALID


@given(st.text(st.sampled_from("bytes=0123456789-, ")))
def test_arbitrary_headers_raise_nothing(header):
    parse_range(header)
