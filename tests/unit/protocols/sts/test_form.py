"""Whatever a form says, it is read or refused; nothing else comes out."""

from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.domain.errors import Problem
from zotplus.gateway.queries.reading import parse_parameters
from zotplus.protocols.sts.form import parse_assume_role

NAMES = st.sampled_from(
    ["Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken", "DurationSeconds", "Policy",
     "PolicyArns.member.1.arn", "PolicyArns.member.x", "other"]
)  # fmt: skip
VALUES = st.one_of(st.text(max_size=40), st.just("arn:zotplus:iam:::role/release"), st.just("900"), st.just("job"))
GOOD = {"RoleArn": "arn:zotplus:iam:::role/release", "RoleSessionName": "job-1", "WebIdentityToken": "e.y.x"}


def outcome(work):
    """What comes out, or the code of the refusal."""
    try:
        return work()
    except Problem as problem:
        return problem.fault.code if len(problem.detail) < 300 else problem.detail


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda data: data.decode("latin-1"))))
def test_any_text_is_parameters_or_refused(text):
    found = outcome(lambda: parse_parameters(text))
    assert found == "argument_invalid" or all(isinstance(value, str) for value in found.values())


@settings(max_examples=200)
@given(st.dictionaries(NAMES, VALUES))
def test_any_parameters_are_a_request_or_refused(parameters):
    form = urlencode({**GOOD, **parameters})
    wanted = outcome(lambda: parse_assume_role(parse_parameters(form)))
    assert wanted == "argument_invalid" or wanted.role == "release"


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:role/self", "arn:zotplus:iam:::role/self"])
def test_accounts_and_partitions_are_amazons_own_matter(arn):
    assert parse_assume_role({**GOOD, "RoleArn": arn}).role == "self"


def test_stored_policies_are_named_by_arn_or_by_name():
    members = {"PolicyArns.member.1.arn": "arn:aws:iam::1:policy/a", "PolicyArns.member.2.arn": "b"}
    assert parse_assume_role({**GOOD, **members}).policies.names == ("a", "b")


@pytest.mark.parametrize(
    "name", ["Policy", "PolicyArns.member.1.arn", "PolicyArns.member.1", "PolicyArns.1.arn", "PolicyArns.member.x.arn"]
)
@pytest.mark.parametrize("value", ["", "small"])
def test_what_should_narrow_a_session_is_never_overlooked(name, value):
    parameters = {**GOOD, name: value}
    is_read = bool(value) and name in ("Policy", "PolicyArns.member.1.arn")
    found = outcome(lambda: parse_assume_role(parameters))
    assert found.policies.is_narrowing if is_read else found == "argument_invalid"


def test_a_client_that_spells_an_empty_list_narrows_nothing():
    assert not parse_assume_role({**GOOD, "PolicyArns": ""}).policies.is_narrowing
