"""Documents on their way in: whatever comes, it is a policy or a refusal."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.policies.conftest import document, statement
from zotplus.domain.errors import Problem
from zotplus.services.policies.documents import judge, says_the_same, statement_in

words = st.sampled_from(["Statement", "Principal", "Effect", "Action", "Resource", "Condition", "Sid", "Allow", "*"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_policy_is_refused_and_nothing_else_happens(text):
    try:
        judged = judge(text, None)
    except Problem as problem:
        assert problem.fault.code == "policy_invalid"  # noqa: PT017 - either is fine, no other exception is
    else:
        assert judged.kind in ("identity", "resource")


@settings(max_examples=100)
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps({"Statement": value}).encode()), words)
def test_looking_for_a_statement_in_anything_finds_one_or_nothing(text, label):
    found = statement_in(text, label)
    assert found is None or json.loads(found)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}', True),
        ('{"a": "\\u0061"}', '{"a": "a"}', True),
        ('{"a": 1}', '{"a": 1.0}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 0.1}', '{"a": 0.10000000000000000001}', False),
        ('{"a": 99999999999999999999999999}', '{"a":  99999999999999999999999999}', True),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
    ],
)
def test_documents_say_the_same_when_only_the_writing_differs(one, other, same):
    assert says_the_same(one.encode(), other.encode()) is same


def test_the_kind_is_seen_in_one_statement_and_in_many():
    assert judge(json.dumps({"Statement": statement(Principal="*")}).encode(), None).kind == "resource"
    assert judge(document(statement(Principal="*"), statement(Principal="*")), None).kind == "resource"
    assert judge(document(statement(Sid="Principal")), None).kind == "identity"


@pytest.mark.parametrize("label", ["one", "#1", "two", "#2"])
def test_a_statement_is_found_by_sid_and_by_place(label):
    text = document(statement(Sid="one"), statement("Deny", Sid="two"))
    wanted = 0 if label in ("one", "#1") else 1
    assert json.loads(statement_in(text, label) or b"") == json.loads(text)["Statement"][wanted]
    assert statement_in(text, string.digits) is None


def test_a_statement_with_large_numbers_is_shown():
    condition = {"NumericEquals": {"s3:max-keys": 10**12}}
    text = json.dumps({"Statement": statement(action="s3:ListBucket", Condition=condition)}).encode()
    judge(text, None)
    assert statement_in(text, "#1") is not None
