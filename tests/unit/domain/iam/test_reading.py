"""Policies as text: every broken shape is one refusal with its path, in bounded time."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import (
    VERSION,
    Effect,
    Need,
    Policy,
    PolicyKind,
    PolicySet,
    Statement,
    parse_policy,
    policy_text,
    warnings,
)

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "s3:b/*"}


def text(*statements, **more):
    return json.dumps({"Version": VERSION, "Statement": list(statements), **more})


def refused(data, kind=PolicyKind.IDENTITY):
    with pytest.raises(Problem) as raised:
        parse_policy(data, kind)
    assert raised.value.fault is errors.POLICY_INVALID
    assert len(raised.value.detail) < 700
    assert raised.value.detail.isprintable()
    return raised.value.detail


def test_scalars_are_lists_of_one_and_one_statement_needs_no_list():
    policy = parse_policy(json.dumps({"Version": VERSION, "Statement": GOOD}).encode(), PolicyKind.IDENTITY)
    expected = Statement(effect=Effect.ALLOW, action=("s3:GetObject",), resource=("s3:b/*",))
    assert policy == Policy(statement=(expected,), version=VERSION)


def test_a_text_without_version_is_in_the_old_one_and_without_id_gets_that_of_the_caller():
    policy = parse_policy(json.dumps({"Statement": [GOOD]}), PolicyKind.IDENTITY, policy_id="team")
    assert (policy.version, policy.id) == ("2008-10-17", "team")
    assert parse_policy(text(GOOD, Id="own"), PolicyKind.IDENTITY, policy_id="team").id == "own"


def test_amazons_names_of_buckets_and_objects_become_ours():
    row = GOOD | {"Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::${aws:username}"]}
    (statement,) = parse_policy(text(row), PolicyKind.IDENTITY).statement
    assert statement.resource == ("s3:b", "s3:b/*", "s3:${aws:username}")


def test_numbers_and_truth_values_in_conditions_are_their_text():
    row = GOOD | {"Condition": {"Bool": {"aws:SecureTransport": True}, "NumericEquals": {"s3:max-keys": [1, 2.50]}}}
    (statement,) = parse_policy(text(row), PolicyKind.IDENTITY).statement
    assert statement.condition == {
        "Bool": {"aws:SecureTransport": "true"},
        "NumericEquals": {"s3:max-keys": ["1", "2.5"]},
    }
    (statement,) = parse_policy(
        text(GOOD | {"Condition": {"Bool": {"aws:SecureTransport": False}}}), PolicyKind.IDENTITY
    ).statement
    assert statement.condition == {"Bool": {"aws:SecureTransport": "false"}}


def test_principals_of_both_kinds_are_one_list_without_repeats():
    row = GOOD | {"Principal": {"AWS": ["user:kc:a", "*"], "Zotplus": "user:kc:a"}}
    (statement,) = parse_policy(text(row), PolicyKind.RESOURCE).statement
    assert statement.principal == ("user:kc:a", "*")


def test_canonical_text_has_the_grammars_order_and_is_a_fixed_point():
    row = {
        "Resource": ["s3:b"],
        "NotPrincipal": {"AWS": "robot:ci"},
        "Action": ["s3:Get*", "s3:Put*"],
        "Effect": "Deny",
    }
    policy = parse_policy(
        text(row | {"Sid": "x", "Condition": {"Null": {"aws:username": ["true"]}}}, Id="p"), PolicyKind.RESOURCE
    )
    written = policy_text(policy)
    assert json.loads(written) == {
        "Version": VERSION,
        "Id": "p",
        "Statement": [
            {
                "Sid": "x",
                "Effect": "Deny",
                "NotPrincipal": {"Zotplus": "robot:ci"},
                "Action": ["s3:Get*", "s3:Put*"],
                "Resource": "s3:b",
                "Condition": {"Null": {"aws:username": "true"}},
            }
        ],
    }
    assert list(json.loads(written)["Statement"][0]) == [
        "Sid",
        "Effect",
        "NotPrincipal",
        "Action",
        "Resource",
        "Condition",
    ]
    assert policy_text(parse_policy(written, PolicyKind.RESOURCE)) == written


def test_everybody_is_written_as_a_star():
    assert '"Principal": "*"' in policy_text(parse_policy(text(GOOD | {"Principal": "*"}), PolicyKind.RESOURCE))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff", "$: the text is not UTF-8."),
        ("\ud800", "$: the text is not UTF-8."),
        ("", "$: the text is not JSON"),
        ("{", "$: the text is not JSON"),
        ('{"Statement": [}', "$: the text is not JSON"),
        ('"unclosed', "$: the text is not JSON"),
        ("[]", "$: a policy is an object."),
        ('{"Version": NaN}', "NaN is no value"),
        ('{"Id": "a", "Id": "b"}', "'Id' stands twice in one object"),
        ('{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}', "'Effect' stands twice"),
        ("{}", "$.Statement: at least one statement is needed"),
        ('{"Statement": []}', "$.Statement: at least one"),
        ('{"Statement": "x"}', "$.Statement: at least one"),
        ('{"Statement": [1]}', "$.Statement[0]: a statement is an object."),
        ('{"statement": []}', "$: there is no field 'statement'; did you mean 'Statement'?"),
        ('{"Version": "2020-01-01", "Statement": []}', "$.Version: there is no version '2020-01-01'; use '2012"),
        ('{"Version": ["2012-10-17"], "Statement": []}', "$.Version: there is no version"),
        (text(GOOD, Id=7), "$.Id: it is text."),
        (text(GOOD | {"Sid": 7}), "$.Statement[0].Sid: it is text."),
        (text(GOOD | {"Sid": "\ud800"}), "$.Statement[0].Sid: it holds half a character"),
        (text(GOOD, {"Effect": "allow"}), "$.Statement[1].Effect: it is 'Allow' or 'Deny'."),
        (text(GOOD | {"Effect": ["Allow"]}), "$.Statement[0].Effect: it is 'Allow' or 'Deny'."),
        (text(GOOD | {"Actions": "x"}), "$.Statement[0]: there is no field 'Actions'; did you mean 'Action'?"),
        (text(GOOD | {"Action": []}), "$.Statement[0].Action: the list is empty."),
        (text(GOOD | {"Action": ""}), "$.Statement[0].Action: the text is empty."),
        (text(GOOD | {"Action": 5}), "$.Statement[0].Action: it is text."),
        (text(GOOD | {"Resource": [["s3:b"]]}), "$.Statement[0].Resource: it is text."),
        (text(GOOD | {"Resource": None}), "$.Statement[0].Resource: it is text."),
        (text(GOOD | {"Condition": []}), "$.Statement[0].Condition: it is an object of operators."),
        (text(GOOD | {"Condition": {"Bool": "true"}}), "Condition.Bool: it is an object of condition keys"),
        (text(GOOD | {"Condition": {"Bool": {}}}), "Condition.Bool: it is an object of condition keys"),
        (text(GOOD | {"Condition": {"Bool": {"aws:SecureTransport": []}}}), "aws:SecureTransport: the list is empty."),
        (text(GOOD | {"Condition": {"Bool": {"aws:SecureTransport": None}}}), "a value is text, a number"),
        (text(GOOD | {"Condition": {"Bool": {"aws:SecureTransport": [{}]}}}), "a value is text, a number"),
    ],
)  # fmt: skip
def test_a_broken_shape_is_refused_with_its_path(data, says):
    assert says in refused(data)


@pytest.mark.parametrize(
    ("principal", "says"),
    [
        ("user:kc:a", "$.Statement[0].Principal: it is '*' or an object"),
        (["*"], "it is '*' or an object"),
        ({}, "the object is empty"),
        ({"AWS": []}, "the list is empty"),
        ({"Aws": "*"}, "there is no field 'Aws'; did you mean 'AWS'?"),
        ({"Service": "x"}, "there is no field 'Service'"),
    ],
)
def test_a_broken_principal_is_refused(principal, says):
    assert says in refused(text(GOOD | {"Principal": principal}), PolicyKind.RESOURCE)


def test_no_principal_at_all_is_null_or_left_out():
    assert "says by Principal" in refused(text(GOOD | {"Principal": None}), PolicyKind.RESOURCE)


def test_texts_have_a_length_and_session_policies_a_shorter_one():
    padding = " " * (64 * 1024)
    assert "longer than 65536" in refused(text(GOOD) + padding)
    assert "longer than 65536" in refused("é" * 40_000)
    long = text(GOOD) + " " * 2_048
    parse_policy(long, PolicyKind.BOUNDARY)
    assert "2048 characters" in refused(long, PolicyKind.SESSION)
    fits = text(GOOD)
    parse_policy(fits + " " * (2_048 - len(fits)), PolicyKind.SESSION)


def test_statements_are_counted():
    row = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert len(parse_policy(text(*[row] * 500), PolicyKind.IDENTITY).statement) == 500
    assert "more than 500" in refused(text(*[row] * 501))


def test_depth_is_bounded_before_anything_is_parsed_and_brackets_in_text_do_not_count():
    begun = time.process_time()
    for nested in ("[" * 60_000, '{"a":' * 10_000, "[" * 9 + "]" * 9):
        assert "nested deeper than 8" in refused(nested)
    assert time.process_time() - begun < 1
    parse_policy(text(GOOD | {"Sid": '[[[[[[[[[["\\'}), PolicyKind.IDENTITY)


def test_a_refusal_repeats_little_of_what_was_sent():
    detail = refused(text(GOOD | {"Action": "s3:" + "x" * 5_000}))
    assert "x" * 101 not in detail
    assert "did you mean" not in refused(text(GOOD | {"Action": "zzzzzzzzzz"}))
    assert "\n" not in refused(text(GOOD | {"Condition": {"a\nb": {"c\nd": "e"}}}))
    assert "\n" not in refused(text(GOOD | {"Condition": {"Bool": {"c\nd": "e"}}}))
    assert "\n" not in refused(text(GOOD | {"Condition": {"Bo\nol": {}}}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "Allow", "s3:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Effect", "Action", "Resource", "Condition", "Statement", "Principal", "StringLike", "x"]),
            inner,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(JSON | st.builds(lambda row: {"Statement": [row]}, JSON), st.sampled_from(list(PolicyKind)))
def test_whatever_is_sent_is_a_policy_or_refused(document, kind):
    try:
        policy = parse_policy(json.dumps(document), kind)
    except Problem as problem:
        fault = problem.fault
    else:
        fault = errors.POLICY_INVALID if policy.statement else None
    assert fault is errors.POLICY_INVALID


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_policy_are_refused(data):
    refused(data)


HOSTILE = {
    "actions": {"Action": [f"*{a}*{b}*" for a in "set:" for b in "egtobjc"] * 290},
    "stars": {"Action": "s3:" + "*" * 2000},
    "globs": {"Resource": [f"s3:*a{n}*b" for n in range(4500)]},
    "long globs": {"Resource": ["s3:" + "*a" * 1000] * 30},
    "values": {"Condition": {"StringLike": {"aws:username": [f"*a{n}*" for n in range(6000)]}}},
    "variables": {"Resource": [f"s3:*${{aws:username}}?{n}" for n in range(2300)]},
    "question marks": {"Resource": [f"s3:*?{n}?b" for n in range(1500)]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_policy_made_to_be_slow_is_read_judged_and_asked_in_bounded_time(name):
    data = json.dumps({"Version": VERSION, "Statement": GOOD | HOSTILE[name]}, separators=(",", ":"))
    begun = time.process_time()
    policy = parse_policy(data, PolicyKind.IDENTITY)
    warnings(policy)
    policies = PolicySet(policy)
    for n in range(3):
        policies.decide(Need("s3:GetObject", "s3:" + "a" * 1000 + str(n)))
    assert time.process_time() - begun < 5
