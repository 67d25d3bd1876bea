from tools.full_flow import compare, read_known, read_results

OUTPUT = """\x1b[36mRUN  \x1b[0mPutObject_success
\x1b[32mPASS \x1b[0mPutObject_success
\x1b[36mRUN  \x1b[0mPutBucketAcl_none
\x1b[31mFAIL \x1b[0mPutBucketAcl_none: expected a grant: got 501
"""


def test_results_are_read_through_the_colours():
    passed, failed = read_results(OUTPUT)
    assert passed == {"PutObject_success"}
    assert failed == {"PutBucketAcl_none": "expected a grant: got 501"}


def test_a_case_that_both_passes_and_fails_has_failed():
    passed, failed = read_results("PASS One\nFAIL One: torn down badly\n")
    assert passed == set()
    assert failed == {"One": "torn down badly"}


def test_a_pattern_explains_the_cases_that_it_names():
    known = read_known("# no lists of grants\nPutBucketAcl_*: access is by policies\n\n")
    assert known == {"PutBucketAcl_*": "access is by policies"}
    assert compare({"PutBucketAcl_none": ""}, known) == ([], [])


def test_a_new_failure_and_an_idle_line_are_both_found():
    assert compare({"PutObject_success": ""}, {"PutBucketAcl_*": "reason"}) == (
        ["PutObject_success"],
        ["PutBucketAcl_*"],
    )
