"""The catalogue keeps its own rules."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, FaultType, Problem


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=lambda fault: fault.code)
def test_every_fault_tells_cause_and_remedy_in_sentences(fault):
    assert 300 <= fault.status < 600
    for text in (fault.message, fault.cause, fault.remedy):
        assert text[0].isupper() or text[0] in "`/" or text.startswith("x-amz")
        assert text.endswith(".")


def test_a_code_cannot_be_in_the_catalogue_twice():
    with pytest.raises(ValueError, match="twice"):
        errors._fault("internal_error", 500, FaultType.INTERNAL, "a", "b", "c")


def test_a_problem_speaks_with_its_detail_or_with_its_message():
    assert Problem(errors.BUCKET_NOT_FOUND).detail == errors.BUCKET_NOT_FOUND.message
    problem = Problem(errors.BUCKET_NOT_FOUND, "No bucket x.", bucket="x")
    assert (problem.detail, problem.fields) == ("No bucket x.", {"bucket": "x"})
