import time

import pytest

from zotplus.domain.iam import VERSION, Effect, Policy, Statement, warnings


def row(action="s3:GetObject", resource="s3:b/*", effect=Effect.ALLOW, **more):
    fields = {"action": (action,) if action else (), "resource": (resource,) if resource else ()} | more
    return Statement(effect=effect, **fields)


def found(*rows, version=VERSION):
    return [(one.path, one.code.value) for one in warnings(Policy(statement=rows, version=version))]


def test_an_ordinary_policy_has_no_warnings():
    assert not found(row(), row("oci:Pull", "oci:team/*", condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))


@pytest.mark.parametrize(
    "rows",
    [
        (row(), row()),
        (row("s3:*", "s3:*"), row()),
        (row("s3:*", "*"), row(condition={"Null": {"aws:username": "true"}})),
        (row(effect=Effect.DENY), row(effect=Effect.DENY)),
        (row(condition={"Null": {"aws:username": "true"}}), row(condition={"Null": {"aws:username": "true"}})),
        (row(principal=("*",)), row(principal=("ZPKEY",))),
        (row(principal=("public",)), row(principal=("ZPKEY",))),
        (row(principal=("ZPKEY", "ZPTWO")), row(principal=("ZPKEY",))),
    ],
)
def test_a_statement_that_an_earlier_one_covers_is_without_effect(rows):
    assert ("$.Statement[1]", "unreachable") in found(*rows)


@pytest.mark.parametrize("place", [0, 1])
def test_an_allowance_that_is_denied_without_condition_is_without_effect_wherever_it_stands(place):
    rows = [row("s3:*", "*", effect=Effect.DENY)]
    rows.insert(place, row(sid="useless"))
    assert found(*rows) == [(f"$.Statement[{place}]", "unreachable")]


@pytest.mark.parametrize(
    "rows",
    [
        (row(condition={"Null": {"aws:username": "true"}}), row()),
        (row("s3:Put*"), row()),
        (row(resource="s3:c/*"), row()),
        (row(), row(effect=Effect.DENY, resource="s3:b/secret")),
        (row(effect=Effect.DENY, condition={"Null": {"aws:username": "true"}}), row()),
        (row(principal=("ZPKEY",)), row(principal=("ZPOTHER",))),
        (row(effect=Effect.DENY), row("s3:GetObject", "s3:*")),
        (row(effect=Effect.DENY, resource=(), not_resource=("s3:b/*",)), row()),
        (row(resource=(), not_resource=("s3:a",)), row(resource=(), not_resource=("s3:b",))),
        (row(not_principal=("ZPKEY",)), row(not_principal=("ZPOTHER",))),
    ],
)
def test_a_statement_with_an_effect_is_not_said_to_have_none(rows):
    assert "unreachable" not in [code for _, code in found(*rows)]


def test_looking_for_statements_without_effect_takes_bounded_time():
    many = tuple(f"s3:b{n}/*" for n in range(300))
    rows = [row(resource=(), action=("s3:GetObject",), sid=f"s{n}") for n in range(10)]
    rows = [Statement(effect=Effect.ALLOW, action=("s3:GetObject",), resource=many[n:]) for n in range(200)]
    begun = time.process_time()
    warnings(Policy(statement=tuple(rows), version=VERSION))
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    ("statement", "path"),
    [
        (row("*", "*"), "$.Statement[0]"),
        (row(action=None, not_action=("admin:*",)), "$.Statement[0].NotAction"),
        (row(resource=None, not_resource=("s3:b",)), "$.Statement[0].NotResource"),
        (row(not_principal=("ZPKEY",)), "$.Statement[0].NotPrincipal"),
        (row("admin:*", "*", principal=("*",)), "$.Statement[0]"),
        (row("admin:ReadMetrics", "*", principal=("public",)), "$.Statement[0]"),
        (row("s3:PutObject", principal=("*",)), "$.Statement[0]"),
        (row("s3:PutObject", not_principal=("ZPKEY",)), "$.Statement[0]"),
    ],
)
def test_a_grant_that_is_too_wide_is_warned_about(statement, path):
    assert (path, "too_wide") in found(statement)


@pytest.mark.parametrize(
    "statement",
    [
        row("*", "*", effect=Effect.DENY),
        row("*", "*", condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        row(principal=("*",)),
        row("s3:PutObject", principal=("authenticated",)),
        row(action=None, not_action=("admin:*",), effect=Effect.DENY),
    ],
)
def test_what_is_not_too_wide_is_not_warned_about(statement):
    assert "too_wide" not in [code for _, code in found(statement)]


def codes(operator, key, action="s3:*", resource="*"):
    return [code for _, code in found(row(action, resource, condition={operator: {key: "1"}}))]


def test_conditions_on_keys_that_no_named_action_carries_are_warned_about():
    assert codes("StringLike", "s3:prefix", action="s3:GetObject") == ["key_never_present"]
    assert codes("StringLike", "s3:prefix", action="s3:List*") == []
    assert codes("StringLike", "aws:username", action="s3:GetObject") == []


def test_conditions_on_keys_that_nothing_brings_yet_are_warned_about():
    assert codes("Bool", "zotplus:signed", action="oci:Pull", resource="oci:*") == ["key_never_present"]


def test_operators_of_another_type_than_the_key_are_warned_about():
    assert codes("StringEquals", "aws:SourceIp") == ["type_mismatch"]
    assert codes("NumericEquals", "aws:CurrentTime") == ["type_mismatch"]
    assert codes("NumericEquals", "zotplus:claim/level") == []
    assert codes("Null", "aws:SourceIp") == []


def test_quantifiers_where_they_do_not_belong_or_are_missing_are_warned_about():
    assert codes("StringNotEquals", "zotplus:groups") == ["quantifier"]
    assert codes("StringEquals", "zotplus:groups") == []
    assert codes("ForAllValues:StringEquals", "aws:username") == ["quantifier"]
    assert codes("ForAnyValue:StringEquals", "aws:username") == ["quantifier"]
    assert codes("ForAllValues:StringNotEquals", "zotplus:groups") == []


def test_variables_in_a_version_that_knows_none_are_warned_about():
    for statement in (
        row(resource="s3:${aws:username}"),
        row(resource=None, not_resource=("s3:${aws:username}",), effect=Effect.DENY),
        row(condition={"StringLike": {"aws:userid": ["${aws:username}"]}}),
        row(condition={"StringLike": {"aws:userid": "${aws:username}"}}),
    ):
        assert found(statement, version="2008-10-17") == [("$.Statement[0]", "variables_ignored")]
        assert not found(statement)


def test_actions_that_do_not_work_on_the_resources_are_warned_about():
    assert found(row("oci:Pull", "s3:b/*")) == [("$.Statement[0]", "resource_mismatch")]
    assert not found(row("supplychain:Sign", "oci:team/*"))
    assert not found(row("oci:Pull", "*"))


def test_warnings_come_in_the_order_of_the_statements_and_unknown_names_are_none_of_theirs():
    rows = [row(f"s3:{'Get' if n % 2 else 'Put'}Object", f"s3:b{n}/*", principal=("*",)) for n in range(12)]
    assert [path for path, _ in found(*rows)] == [f"$.Statement[{n}]" for n in range(0, 12, 2)]
    assert not found(row(condition={"Sometimes": {"aws:username": "x"}, "StringLike": {"no:key": "x"}}))
