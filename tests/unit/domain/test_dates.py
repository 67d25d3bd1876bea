"""Dates in requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.dates import format_basic_date, parse_basic_date, parse_http_date

# RFC 9110 section 5.6.7 has the same moment in the three forms.
MOMENT = 784111777


@pytest.mark.parametrize("text", [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    "Sun, 6 Nov 1994 08:49:37 +0000",
])  # fmt: skip
def test_the_three_forms_of_http_dates_are_read(text):
    assert parse_http_date(text) == MOMENT


def test_two_digit_years_after_the_pivot_are_of_the_last_century():
    assert parse_http_date("Sunday, 06-Nov-26 08:49:37 GMT") == 1793954977


@pytest.mark.parametrize(
    "text", ["", "now", "Sun, 06 Non 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "1", "0" * 9999]
)
def test_what_is_no_date_is_none(text):
    assert parse_http_date(text) is None
    assert parse_basic_date(text) is None


@given(st.integers(0, 253402300799))
def test_the_basic_form_round_trips(epoch):
    assert parse_basic_date(format_basic_date(epoch)) == epoch


@given(st.text())
def test_arbitrary_text_is_a_date_or_none(text):
    assert parse_basic_date(text) is None
    assert parse_http_date(text) is None


def test_digits_of_other_scripts_are_no_date():
    assert parse_basic_date("\u0662\u0660\u0662\u06660524T120000Z") is None
