"""Which rule lets a page of another origin in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.errors import Problem
from zotplus.domain.storage.cors import (
    RULES_LIMIT,
    CorsRule,
    Crossing,
    check_rules,
    decode_rules,
    encode_rules,
    find_allowance,
    parse_requested_headers,
)


def rule(*origins, methods=("GET",), **fields):
    return CorsRule(origins=origins, methods=methods, **fields)


def fault(call, *arguments):
    with pytest.raises(Problem) as raised:
        call(*arguments)
    return raised.value.fault.code


@pytest.mark.parametrize(("pattern", "origin", "fits"), [
    ("*", "https://any.example", True),
    ("https://a.example", "https://a.example", True),
    ("https://a.example", "https://A.example", False),
    ("https://a.example", "https://a.example.evil.example", False),
    ("https://*.example", "https://a.b.example", True),
    ("https://*.example", "https://.example", True),
    ("https://*.example", "http://a.example", False),
    ("https://*s://x", "https://x", False),  # the wildcard stands between both ends, which may not share letters
    ("null", "null", True),
    ("*", "null", True),
])  # fmt: skip
def test_an_origin_fits_a_pattern_with_one_wildcard(pattern, origin, fits):
    found = find_allowance((rule(pattern),), Crossing(origin=origin, method="GET"))
    assert (found is not None) is fits


def test_the_first_rule_that_fits_in_every_respect_counts():
    rules = (
        rule("https://a", methods=("PUT",)),
        rule("https://a", headers=("x-amz-*",)),
        rule("*", headers=("*",)),
    )

    def found(method, *headers):
        allowance = find_allowance(rules, Crossing(origin="https://a", method=method, headers=headers))
        return allowance and (rules.index(allowance.rule), allowance.for_all)

    assert found("PUT") == (0, False)
    assert found("GET") == (1, False)
    assert found("GET", "x-amz-date") == (1, False)
    assert found("GET", "x-amz-date", "authorization") == (2, True)
    assert found("DELETE") is None


def test_header_patterns_do_not_heed_case():
    rules = (rule("*", headers=("X-Amz-*", "Authorization")),)
    assert find_allowance(rules, Crossing(origin="o", method="GET", headers=("x-amz-date", "authorization")))
    assert not find_allowance(rules, Crossing(origin="o", method="GET", headers=("x-am",)))


@pytest.mark.parametrize("bad", [
    (),
    tuple(rule("*") for _ in range(RULES_LIMIT + 1)),
    (rule(),),
    (rule("*", methods=()),),
    (rule(*[f"https://{number}" for number in range(101)]),),
])  # fmt: skip
def test_rules_of_a_wrong_number_are_malformed(bad):
    assert fault(check_rules, bad) == "xml_malformed"


@pytest.mark.parametrize("bad", [
    rule("https://*.*"),
    rule(""),
    rule("o" * 2049),
    rule("*", methods=("PATCH",)),
    rule("*", methods=("get",)),
    rule("*", headers=("x-*-*",)),
    rule("*", headers=("in valid",)),
    rule("*", exposed=("bad/name",)),
    rule("*", id="i" * 256),
])  # fmt: skip
def test_values_of_another_form_are_refused(bad):
    assert fault(check_rules, (bad,)) == "request_invalid"


@pytest.mark.parametrize("breaks", ["x\r\nSet-Cookie: a=b", "x\n", "x\x00", "\rx"])
@pytest.mark.parametrize("field", ["origins", "headers", "exposed"])
def test_nothing_that_ends_a_header_is_stored(field, breaks):
    """CVE-2021-3524 (Ceph): a CR in ExposeHeader split the answer."""
    bad = CorsRule(**{"origins": ("*",), "methods": ("GET",), field: (breaks,)})
    assert fault(check_rules, (bad,)) == "request_invalid"


def test_good_rules_pass_and_come_back_as_they_were():
    rules = tuple(rule(f"https://{number}", max_age=number, id="i", exposed=("ETag",)) for number in range(RULES_LIMIT))
    check_rules(rules)
    assert decode_rules(encode_rules(rules)) == rules


@pytest.mark.parametrize("data", [b"", b"\x02x", b"\x01\xc0", b"\x01\x91\x92\x91\xa1\xff"])
def test_damaged_rules_are_told(data):
    assert fault(decode_rules, data) == "storage_failed"


def test_requested_headers_are_read_as_a_list():
    assert parse_requested_headers("") == ()
    assert parse_requested_headers("X-Amz-Date, Authorization,x") == ("x-amz-date", "authorization", "x")


@pytest.mark.parametrize("text", ["in valid", "a,,b", "a:b", "é", "tab\tchar", "a," * 200, "x," * 100 + "x"])
def test_requested_headers_of_another_form_are_refused(text):
    assert fault(parse_requested_headers, text) == "cors_request_invalid"


_NAMES = st.text(alphabet="ab*", min_size=0, max_size=5)


@given(pattern=_NAMES.filter(lambda text: text.count("*") <= 1), text=st.text(alphabet="ab", max_size=6))
def test_a_pattern_fits_what_its_regular_expression_fits(pattern, text):

    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert (find_allowance((rule(pattern),), Crossing(origin=text, method="GET")) is not None) is expected
