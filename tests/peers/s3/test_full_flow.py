"""versitygw's S3 suite against a gateway, with buckets that have versions: about 760 cases in some minutes."""

from pathlib import Path

import pytest

from tests.peers.programs import need
from tools.full_flow.results import CASES, KNOWN, compare, read_cases, read_known, read_results
from tools.full_flow.suite import run_suite


@pytest.mark.timeout(1800)  # four minutes alone; other tests may have the second core
def test_the_cases_that_do_not_pass_are_those_of_the_list():
    program = Path(need("versitygw"))
    passed, failed = read_results(run_suite(program, read_cases(CASES.read_text())))
    assert compare(passed, failed, read_known(KNOWN.read_text())) == []
    assert len(passed) > len(read_cases(CASES.read_text())) // 3
