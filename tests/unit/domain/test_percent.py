"""Percent-encoding: decoded exactly once, one spelling for everything."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors, percent
from zotplus.domain.errors import Problem


@pytest.mark.parametrize(("raw", "decoded"), [
    ("/b/a%20b", "/b/a b"), ("a+b", "a+b"), ("%252F", "%2F"), ("a%2Fb", "a/b"), ("ü", "ü"), ("%C3%BC", "ü"), ("", ""),
])  # fmt: skip
def test_a_path_is_decoded_exactly_once(raw, decoded):
    assert percent.decode(raw) == decoded


@pytest.mark.parametrize("raw", ["%", "%2", "%zz", "a%2", "%+1", "%C3", "%ED%A0%80", "%C0%AF", "\udcff", "%41\ud800"])
def test_an_unreadable_path_is_refused(raw):
    with pytest.raises(Problem) as caught:
        percent.decode(raw)
    assert caught.value.fault is errors.PATH_INVALID


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab/%2FCc+ ~*[]`{é\udcff"), max_size=30))
def test_a_path_has_one_spelling(raw):
    once = percent.normalize_path(raw)
    assert percent.normalize_path(once) == once
    value = percent.normalize_value(raw)
    assert percent.normalize_value(value) == value


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encoding_agrees_with_the_standard_library(text):
    assert percent.encode(text, keep_slash=True) == quote(text, safe="/~")
    assert percent.normalize_path(quote(text, safe="/!*'()")) == quote(text, safe="/~")
    assert percent.normalize_value(quote(text, safe="")) == quote(text, safe="~")
    assert percent.decode(percent.encode(text, keep_slash=False)) == text


@pytest.mark.parametrize("raw", ["%7E", "%7e", "~"])
def test_unreserved_characters_are_never_escaped(raw):
    assert percent.normalize_path(raw) == "~"
    assert percent.normalize_value(raw) == "~"


def test_a_long_path_that_ends_badly_takes_no_longer():
    assert percent.normalize_value("a" * 100_000 + "[") == "a" * 100_000 + "%5B"
    assert percent.normalize_path("%20" * 30_000 + "[") == "%20" * 30_000 + "%5B"
