import pytest
from hypothesis import given
from hypothesis import strategies as st

from zotplus.domain.iam import CONDITION_KEYS, OPERATORS, Effect, condition_key
from zotplus.domain.iam.conditions.comparisons import comparison, prepare
from zotplus.domain.iam.conditions.operators import read_address, read_binary, read_date, read_network, read_number


def holds(operator, accepted, *values, effect=Effect.ALLOW, variables=False, **known):
    block = {operator: {"aws:UserName": accepted}}
    tests = prepare(block, denies=effect is Effect.DENY, variables=variables)
    context = {"aws:username": values or None} | known
    return all(test(context.get) for test in tests)


def test_all_of_amazons_operators_are_there():
    assert set(OPERATORS) == {
        *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
        *("StringLike", "StringNotLike", "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"),
        *("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"),
        *("NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan"),
        *("DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals"),
        *("IpAddress", "NotIpAddress", "Null"),
    }
    assert {name for name, row in OPERATORS.items() if row.negated} == {name for name in OPERATORS if "Not" in name}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("1970", 0),
        ("1970-02", 2_678_400),
        ("1970-01-01T00:01Z", 60),
        ("1970-01-01T00:01:01", None),
        ("1970-01-01T00:00:00.999Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1500000000", 1_500_000_000),
        ("-86400", -86_400),
        ("2024-02-30", None),
        ("0000-01-01", None),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139),
        ("2024-01-01T00:00:00+24:00", None),
        ("now", None),
        ("", None),
        ("1" * 16, None),
        ("\u0662\u0660\u0662\u0664-01-01", None),
    ],
)
def test_dates_are_read_in_the_w3c_forms_and_as_seconds(text, seconds):
    assert read_date(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-", "1e5", "0x1", "1" * 25, "1." + "1" * 15, "1.", ".5", "NaN", "Infinity", "\uff11"]
)
def test_what_is_no_plain_decimal_number_is_not_read(text):
    assert read_number(text) is None
    assert holds("NumericNotEquals", "1", text, effect=Effect.DENY)


def test_numbers_compare_by_value():
    assert read_number("+1.50") == read_number("1.5")
    assert not holds("NumericLessThan", "9", "10")
    assert holds("NumericLessThan", ["1", "11"], "10")


@pytest.mark.parametrize(
    ("network", "address", "is_in"),
    [
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.1/8", "10.2.3.4", True),
        ("10.0.0.0/8", "::ffff:10.1.1.1", True),
        ("::ffff:10.0.0.0/104", "10.1.1.1", True),
        ("::ffff:10.0.0.0/104", "11.1.1.1", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "192.0.2.1", False),
        ("::/0", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db8::1%eth0", True),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_addresses_lie_in_networks_of_their_own_kind(network, address, is_in):
    assert holds("IpAddress", network, address) is is_in
    assert holds("NotIpAddress", network, address) is not is_in


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4/33", "010.0.0.1", "x", "1" * 500, "::1::", "localhost"])
def test_what_is_no_network_or_address_is_not_read(text):
    assert read_network(text) is None
    assert read_address(text) is None


def test_binary_values_are_compared_as_bytes():
    assert holds("BinaryEquals", "AQI=", "AQI=")
    assert not holds("BinaryEquals", "AQI=", "AQM=")
    assert read_binary("*") is None
    assert read_binary("é") is None


def test_what_a_request_brings_in_no_readable_form_is_never_a_reason_to_allow_and_gets_around_no_denial():
    for operator, accepted in (("DateLessThan", "2030-01-01"), ("IpAddress", "0.0.0.0/0"), ("Bool", "false")):
        assert not holds(operator, accepted, "nonsense")
        assert holds(operator, accepted, "nonsense", effect=Effect.DENY)
    assert not holds("NotIpAddress", "192.0.2.0/24", "nonsense")
    assert holds("NotIpAddress", "192.0.2.0/24", "nonsense", effect=Effect.DENY)


@pytest.mark.parametrize(
    "block",
    [
        {"IpAddressOfTheMoon": {"aws:SourceIp": "x"}},
        {"IpAddressOfTheMoon": {}},
        {"Bool": {"aws:username": "perhaps"}},
        {"StringLike": {"aws:username": "${unclosed"}},
        {"ForSomeValues:StringLike": {"aws:username": "*"}},
    ],
)
def test_a_condition_that_cannot_be_understood_never_allows_and_never_keeps_from_denying(block):
    (test,) = prepare(block, denies=False, variables=True)
    assert not test({"aws:username": ("a",)}.get)
    assert prepare(block, denies=True, variables=True) == ()


def test_an_operator_without_keys_says_nothing():
    assert prepare({"StringLike": {}}, denies=False, variables=True) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("StringLike", "StringLike"),
        ("StringLikeIfExists", "StringLike"),
        ("ForAnyValue:StringLikeIfExists", "StringLike"),
        ("Null", "Null"),
        ("stringlike", None),
        ("ForAnyValue:", None),
        (":StringLike", None),
        ("ForAnyValue:ForAnyValue:StringLike", None),
        ("IfExists", None),
        ("NullIfExists", None),
        ("ForAnyValue:Null", None),
        ("", None),
    ],
)
def test_operators_are_found_by_their_names(text, name):
    found = comparison(text)
    assert (None if found is None else found.operator.name) == name


def test_variables_stand_in_conditions_on_text_and_arns():
    assert holds("StringEqualsIgnoreCase", "${aws:userid}", "Ann", variables=True, **{"aws:userid": ("ANN",)})
    assert not holds("StringEquals", "${aws:userid}", "Ann", variables=True, **{"aws:userid": ("ANN",)})
    assert holds("StringLike", "${aws:userid}*", "annette", variables=True, **{"aws:userid": ("ann",)})
    assert holds("StringEquals", "${aws:userid}", "${aws:userid}")
    assert holds("ArnLike", "a:${aws:userid}:*:d:e:f", "a:x:c:d:e:f", variables=True, **{"aws:userid": ("x",)})
    assert not holds("ArnLike", "a:${aws:userid}:*:d:e:f", "a:x:c:d:e:f", variables=True)


def test_a_star_does_not_cross_the_colons_of_an_arn_but_may_be_in_its_last_part():
    assert not holds("ArnLike", "arn:*:f", "arn:b:c:d:e:f")
    assert holds("ArnLike", "arn:b:c:d:e:*", "arn:b:c:d:e:f:g:h")
    assert holds("ArnLike", "arn:b*:c:d:e:f:g", "arn:bbb:c:d:e:f:g")
    assert not holds("ArnLike", "arn:b:c:d:e:f", "arn")


@given(st.text(max_size=30), st.sampled_from(sorted(OPERATORS)))
def test_no_value_of_a_request_breaks_an_operator(value, name):
    accepted = {"Bool": "true", "Null": "true", "BinaryEquals": "AQ=="}.get(name, "2024")
    accepted = "192.0.2.0/24" if "Ip" in name else accepted
    assert holds(name, accepted, value) in (True, False)


@pytest.mark.parametrize("nothing", [None, ()])
def test_a_key_without_any_value_is_an_absent_one(nothing):
    for operator, holds_then in (("StringEquals", False), ("StringNotEquals", True), ("StringLikeIfExists", True)):
        (test,) = prepare({operator: {"zotplus:groups": "*"}}, denies=False, variables=False)
        assert test({"zotplus:groups": nothing}.get) is holds_then
    (test,) = prepare({"Null": {"zotplus:groups": "true"}}, denies=False, variables=False)
    assert test({"zotplus:groups": nothing}.get)


def test_condition_keys_are_found_in_any_case_and_by_family():
    assert condition_key("AWS:sourceip") is CONDITION_KEYS["aws:sourceip"]
    assert condition_key("aws:PrincipalTag/Team") is CONDITION_KEYS["aws:principaltag/…"]
    assert condition_key("s3:x-amz-acl") is CONDITION_KEYS["s3:x-amz-…"]
    assert condition_key("aws:principaltag/") is None
    assert condition_key("aws:sourceip/x") is None
