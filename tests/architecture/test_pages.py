"""What pages say about the source is true: the tests and folders that they name exist."""

import re

import pytest

from tests.architecture.source import PACKAGE, ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
TESTS = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def tests() -> set[str]:
    return {name for path in (ROOT / "tests").rglob("test_*.py") for name in TESTS.findall(path.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_test_that_a_page_names_exists(page, tests):
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    assert named - tests == set()


def test_every_threat_has_a_folder_that_exists_and_a_test():
    rows = re.findall(r"^\| ([STRIDE]) \|(.*)\|$", (ROOT / "docs/threat-model.md").read_text(), re.MULTILINE)
    assert {letter for letter, _ in rows} == set("STRIDE")
    for _, row in rows:
        threat, _, where, test = (cell.strip() for cell in row.split("|"))
        assert re.search(r"`test_\w+`", test), threat
        for folder in re.findall(r"`([\w/]+)/`", where):
            assert (PACKAGE / folder).is_dir(), folder
