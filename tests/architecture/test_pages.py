"""What pages say about the source is true: the tests and folders that they name exist."""

import re

import msgspec
import pytest
import yaml

from tests.architecture.source import PACKAGE, ROOT
from tests.faces.doors.test_matrix import DOORS
from zotplus.settings import Settings, load

PAGES = sorted((ROOT / "docs").glob("*.md"))
TESTS = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)

SECTIONS = frozenset(field.name for field in msgspec.structs.fields(Settings))

KINDS = {
    "access key, signing (SigV4, presigned too)": ("key-signed", "key-presigned"),
    "access key or robot, as user and password": ("key-password", "robot-password"),
    "issuer's token, as Bearer or as password": ("jwt-bearer", "jwt-password"),
    "access token of the gateway, as Bearer or as password": ("access-bearer", "access-password"),
    "registry token": ("registry-bearer",),
    "session key, signing": ("session-signed", "session-presigned"),
    "client certificate": ("certificate",),
}
"""Rows of the page's table of doors, and the kinds of credential in the test of all doors."""
COLUMNS = {0: ("s3", "s3 port"), 1: ("registry",), 2: ("token server",), 3: ("api",), 4: ("sts", "iam")}


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


@pytest.mark.parametrize("row", KINDS)
def test_the_table_of_doors_is_that_of_the_test_of_all_doors(row):
    page = (ROOT / "docs/identity.md").read_text().partition("## What opens which door")[2].partition("## ")[0]
    (cells,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", page, re.MULTILINE)
    for column, cell in enumerate(cells.split("|")):
        says = cell.strip().startswith(("yes", "`"))  # neither a dash nor "to exchange"
        for door in COLUMNS[column]:
            assert {kind in DOORS[door].takes for kind in KINDS[row]} == {says}, (door, cell)


def settings_on(page) -> list[str]:
    """The examples of configuration files on a page: YAML whose names are all sections."""
    found = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for text in found if set(yaml.safe_load(text)) <= SECTIONS]


@pytest.mark.parametrize("page", [page for page in PAGES if settings_on(page)], ids=lambda page: page.name)
def test_the_settings_on_a_page_are_accepted(page, tmp_path):
    for text in settings_on(page):
        (tmp_path / "zotplus.yaml").write_text(text)
        load(tmp_path / "zotplus.yaml", {})
