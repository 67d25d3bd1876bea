"""Policies of forms: what Amazon's documentation allows, and its sentence for everything else."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.forms.policy import CONDITIONS_LIMIT, parse_policy, require_allowed

LATER = "2100-01-01T00:00:00Z"
NOW = 1_800_000_000.0


def encode(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def policy(*conditions: object, expiration: object = LATER) -> str:
    return encode({"expiration": expiration, "conditions": list(conditions)})


def refused(encoded: str) -> str:
    with pytest.raises(Problem) as caught:
        parse_policy(encoded)
    assert caught.value.fault is errors.FORM_POLICY_INVALID
    return caught.value.detail


def denied(encoded: str, now: float = NOW, **fields: str) -> str:
    """Why ``fields`` (underscores stand for hyphens) are refused; empty if they are not."""
    read = parse_policy(encoded)
    try:
        require_allowed(read, {name.replace("_", "-"): value for name, value in fields.items()}, now)
    except Problem as problem:
        told = (problem.fault, problem.detail.partition("Invalid according to Policy: ")[2])
    else:
        return ""
    assert told[0] is errors.ACCESS_DENIED
    return told[1]


@pytest.mark.parametrize(
    ("encoded", "sentence"),
    [
        ("", "Expecting '{' but found End-of-Input"),
        ("invalid_base64", "invalid Base64 encoding."),
        ("ä", "invalid Base64 encoding."),
        (base64.b64encode(b"invalid json").decode(), "Invalid JSON."),
        (base64.b64encode(b'"\xff"').decode(), "Invalid JSON."),
        (base64.b64encode(b"[" * 5000).decode(), "Invalid JSON."),
        (encode([]), "Invalid JSON."),
        (encode({"conditions": []}), "Policy missing expiration."),
        (encode({"expiration": LATER}), "Policy missing conditions."),
        (encode({"expiration": LATER, "conditions": [], "extra": 1}), 'Unexpected: "extra"'),
        (encode({"expiration": LATER, "conditions": True}), "Invalid 'conditions' value: must be a List."),
        (policy(expiration=True), "Invalid JSON."),
        (policy(expiration="invalid"), "Invalid 'expiration' value: 'invalid'"),
        (policy(expiration="2026-13-01T00:00:00Z"), "Invalid 'expiration' value: '2026-13-01T00:00:00Z'"),
        (policy(True), "Invalid condition test: must be a List or Object."),
        (policy([]), "Invalid Condition: missing operation identifier."),
        (policy(["invalid", "$a", "b"]), "Invalid Condition: unknown operation 'invalid'."),
        (policy([["eq"], "$a", "b"]), "Invalid Condition: unknown operation '['eq']'."),
        (policy(["eq", "$a", "b", "c"]), "Invalid eq: wrong number of arguments."),
        (policy(["eq", False, "b"]), "Invalid JSON."),
        (policy(["eq", "$a", True]), "Invalid JSON."),
        (policy(["content-length-range", 1]), "Invalid content-length-range: wrong number of arguments."),
        (policy(["content-length-range", 12, False]), "Invalid JSON."),
        (policy(["content-length-range", "invalid", "14"]), "Invalid JSON."),
        (policy(["content-length-range", -1, 14]), "Invalid JSON."),
        (policy(["content-length-range", 0, "9" * 5000]), "Invalid JSON."),
        (policy(["content-length-range", 0, 1 << 63]), "Invalid JSON."),
        (
            policy({"a": "1", "b": "2"}),
            "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
        ),
        (policy({"a": True}), "Invalid Simple-Condition: value must be a string."),
        (policy(*[{"a": "b"}] * (CONDITIONS_LIMIT + 1)), f"there are more than {CONDITIONS_LIMIT} conditions."),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_in_amazons_words(encoded, sentence):
    assert refused(encoded) == f"Invalid Policy: {sentence}"


def test_a_policy_holds_until_it_expires():
    encoded = policy({"bucket": "b"}, expiration="2027-01-15T08:00:00.500Z")
    assert denied(encoded, 1_800_000_000.0, bucket="b") == ""
    assert denied(encoded, 1_800_000_001.0, bucket="b") == "Policy expired."


@pytest.mark.parametrize(
    ("condition", "value", "sentence"),
    [
        (["eq", "$Content-Type", "text/plain"], "text/plain", ""),
        (["eq", "$content-type", "a"], "b", 'Policy Condition failed: ["eq","$content-type","a"]'),
        ({"content-type": "a"}, "b", 'Policy Condition failed: ["eq", "$content-type", "a"]'),
        (["starts-with", "$content-type", "text/"], "text/plain, text/html", ""),
        (["starts-with", "$content-type", ""], "anything", ""),
        (
            ["starts-with", "$content-type", "text/"],
            "text/plain, image/jpeg",
            'Policy Condition failed: ["starts-with","$content-type","text/"]',
        ),
    ],
)
def test_conditions_compare_fields(condition, value, sentence):
    assert denied(policy(condition), content_type=value) == sentence


def test_a_condition_on_a_field_without_its_sign_is_refused():
    with pytest.raises(Problem) as caught:
        parse_policy(policy(["eq", "key", "a"]))
    assert caught.value.fault is errors.ACCESS_DENIED


def test_a_prefix_is_one_of_characters_not_of_folders():
    encoded = policy(["starts-with", "$key", "user/eric/"])
    assert denied(encoded, key="user/eric/a") == ""
    assert denied(encoded, key="user/erica/a") != ""
    assert denied(encoded) != ""


def test_a_field_that_no_condition_covers_is_refused():
    """CVE-2021-21362: conditions of a policy were not enforced, so that its holder wrote what it did not allow."""
    encoded = policy({"bucket": "b"}, {"key": "k"})
    assert denied(encoded, bucket="b", key="k") == ""
    assert denied(encoded, bucket="b", key="k", acl="public-read") == "Extra input fields: acl"
    assert denied(encoded, bucket="b", key="k", x_amz_meta_a="1", tagging="x").endswith("x-amz-meta-a, tagging")
    covered = {"policy": "p", "x_amz_signature": "s", "signature": "s", "awsaccesskeyid": "k", "x_ignore_me": "x"}
    assert denied(encoded, bucket="b", key="k", **covered) == ""


def test_every_range_of_lengths_counts():
    both = parse_policy(policy(["content-length-range", 1, 100], ["content-length-range", "5", "200"]))
    assert (both.least, both.most) == (5, 100)
    none = parse_policy(policy())
    assert (none.least, none.most) == (0, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
CONDITIONS = st.lists(
    JSON | st.tuples(st.sampled_from(["eq", "starts-with", "content-length-range"]), JSON, JSON).map(list), max_size=5
)


@settings(max_examples=200)
@given(
    CONDITIONS, st.sampled_from([LATER, "x", 1]), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
)
def test_whatever_a_policy_says_it_is_read_or_refused(conditions, expiration, fields):
    try:
        require_allowed(parse_policy(policy(*conditions, expiration=expiration)), fields, NOW)
    except Problem as problem:
        assert problem.fault in (errors.FORM_POLICY_INVALID, errors.ACCESS_DENIED)  # noqa: PT017 - either is right
