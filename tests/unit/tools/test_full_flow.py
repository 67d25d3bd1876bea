import fnmatch

from tools.full_flow import page as page_module
from tools.full_flow.results import CASES, KNOWN, RESULTS, compare, read_cases, read_known, read_results, write_results
from tools.full_flow.users import _parsed

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
    assert compare({"PutObject_success"}, {"PutBucketAcl_none": ""}, known) == []


def test_a_new_failure_and_an_idle_line_are_both_found():
    assert compare(set(), {"PutObject_success": "got 501"}, {"PutBucketAcl_*": "reason"}) == [
        "PutObject_success fails, and is not on the list: got 501",
        "PutBucketAcl_* is on the list, and names no case",
    ]


def test_a_case_of_the_list_that_passes_is_found():
    known = {"PutBucketAcl_*": "reason"}
    assert compare({"PutBucketAcl_one"}, {"PutBucketAcl_two": ""}, known) == [
        "PutBucketAcl_one passes, and is on the list (PutBucketAcl_*)"
    ]


def test_a_case_may_print_another_name_than_its_command():
    assert read_cases("# comment\nOne\nTwo_command Two_printed\n") == {"One": "One", "Two_printed": "Two_command"}


def test_every_line_of_the_list_names_a_case_and_tells_a_reason():
    cases = read_cases(CASES.read_text())
    for pattern, reason in read_known(KNOWN.read_text()).items():
        assert fnmatch.filter(cases, pattern), pattern
        assert len(reason) > len("later"), pattern


def test_what_is_recorded_is_what_was_read():
    passed, failed = {"One", "Three"}, {"Two": "got 501"}
    assert write_results(passed, failed) == "PASS One\nPASS Three\nFAIL Two\n"
    assert read_results(write_results(passed, failed)) == (passed, {"Two": ""})


def test_the_recorded_results_are_those_of_the_list():
    passed, failed = read_results(RESULTS.read_text())
    assert {*passed, *failed} == set(read_cases(CASES.read_text()))
    assert compare(passed, failed, read_known(KNOWN.read_text())) == []


def test_the_page_tells_how_many_pass_and_why_the_others_do_not(tmp_path, monkeypatch):
    for name, text in (("RESULTS", "PASS Put_one\nFAIL Put_two\n"), ("KNOWN", "Put_t*: not here\n")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(page_module, name, tmp_path / name)
    text = page_module.page()
    assert "**1 of 2 cases pass.**" in text
    assert "| Put | 1 | 2 |" in text
    assert "| Put_two | not here |" in text


def test_the_arguments_of_the_suites_own_administration_are_read():
    line = ["-a", "KEY", "-s", "SECRET", "-er", "http://x", "create-user", "-a", "user", "-s", "pass", "-r", "admin"]
    options, command, own = _parsed(["--allow-insecure", *line])
    assert (options["-a"], options["-s"], command) == ("KEY", "SECRET", "create-user")
    assert own == {"-a": "user", "-s": "pass", "-r": "admin"}
    assert _parsed([*line[:6], "list-buckets"])[1:] == ("list-buckets", {})
