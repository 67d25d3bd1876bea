"""Lines in their one form, and which of them somebody looks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.audit.chains import TIME, record, stream
from zotplus.domain.audit.filters import Filter
from zotplus.domain.audit.records import (
    Decided,
    EventKind,
    Record,
    Who,
    decode_checkpoint,
    decode_record,
    decode_removed,
    decode_seq,
    encode,
)
from zotplus.domain.audit.times import moment, timestamp


def test_a_record_comes_back_as_it_was():
    assert decode_record(encode(record(7))) == record(7)
    assert decode_seq(encode(record(7))) == 7


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_nothing_that_is_no_line_breaks_the_reader(content):
    for decode in (decode_record, decode_seq, decode_checkpoint, decode_removed):
        decode(content)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"seq":"x"}', b"\xff", b'{"checkpoint":"x"}'])
def test_what_is_no_record_is_none(content):
    assert decode_record(content) is None
    assert decode_checkpoint(content) is None
    assert decode_removed(content) is None


def test_a_checkpoint_has_one_form():
    """Bits that the decoder would not look at (a space, the case of a digit) must not be free to change."""
    line = stream(1)[0][:-1]
    assert decode_checkpoint(line) is not None
    assert decode_checkpoint(line.replace(b'":', b'": ', 1)) is None
    assert decode_checkpoint(line.replace(b'"seq":0', b'"seq":0,"seq":0')) is None


def test_time_is_utc_to_the_millisecond():
    assert timestamp(0.0625) == "1970-01-01T00:00:00.062Z"
    assert timestamp(951_782_400.5) == "2000-02-29T00:00:00.500Z"


@given(st.floats(0, 4_000_000_000))
def test_times_are_ordered_as_their_text(seconds):
    text = timestamp(seconds)
    assert abs(moment(text) - seconds) < 0.002
    assert text < timestamp(seconds + 1)


GIVEN = Record(
    1,
    TIME,
    EventKind.DENIED,
    "ID",
    "s3",
    "GetObject",
    Who("ZP1", "key", "ci"),
    (Decided("s3:GetObject", "s3:a/b", allowed=False), Decided("s3:PutObject", "s3:c/d", allowed=True)),
    status=403,
)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"principal": "ZP1"}, True),
        ({"principal": "ci"}, True),
        ({"principal": "key"}, False),
        ({"action": "s3:GetObject", "resource": "s3:a/*"}, True),
        ({"action": "s3:GetObject", "resource": "s3:c/*"}, False),
        ({"action": "s3:?etObject"}, True),
        ({"resource": "s3:c/d"}, True),
        ({"denied": True}, True),
        ({"denied": False}, False),
        ({"kind": EventKind.DENIED, "operation": "GetObject", "face": "s3", "status": 403}, True),
        ({"kind": EventKind.REQUEST}, False),
        ({"status": 200}, False),
        ({"since": TIME}, True),
        ({"until": TIME}, False),
        ({"since": "2027"}, False),
        ({"until": "2027"}, True),
    ],
)
def test_a_filter_lets_through_what_fits(wanted, fits):
    filter_ = Filter(**wanted)
    assert filter_.matches(GIVEN) is fits
    assert not fits or all(needle in encode(GIVEN) for needle in filter_.needles)


def test_a_record_without_a_principal_is_nobodys():
    assert not Filter(principal="ZP1").matches(Record(1, TIME, EventKind.LOST))


def test_a_pattern_of_stars_takes_bounded_time():
    pattern = "*a" * 400 + "b"
    decided = (Decided("s3:GetObject", "a" * 1_000, allowed=True),)
    assert not Filter(resource=pattern).matches(Record(1, TIME, EventKind.REQUEST, decisions=decided))
