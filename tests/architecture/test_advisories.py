"""Published flaws of others: each that could be had here has a test, and each test that names one is in the table."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGE, ROOT
from tools import advisories
from tools.advisories import flaws, ids_in_name, ids_in_text, short

SECRET = re.compile(r"(^|_)(secret|password|signature|passphrase)$")

# Comparisons that nobody can time, and why; a line that is no longer needed fails.
OWN = {
    "zotplus/services/identity/access.py": ["self._secret(id_, there) != made.secret"],  # the operator's, at the start
}


@pytest.mark.parametrize("flaw", flaws(), ids=lambda flaw: f"{flaw.of} {flaw.ids[0]}")
def test_a_published_flaw_has_a_test_or_a_reason_why_it_cannot_be_had(flaw):
    assert advisories.tests_of(flaw) or flaw.because
    assert not set(flaw.named) - {test.name for test in advisories.tests()}, "a test that is named is not there"


def test_every_id_that_a_test_names_is_in_the_table():
    known = {short(id_) for flaw in flaws() for id_ in flaw.ids}
    unknown = {test.name: sorted(test.ids - known) for test in advisories.tests() if test.ids - known}
    assert unknown == {}


def test_no_flaw_is_in_the_table_twice():
    ids = [short(id_) for flaw in flaws() for id_ in flaw.ids]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("As GHSA-hv4r-mvr4-25vw: x", ["GHSA-hv4r"]),
        ("RustFS GHSA-x298, CVE-2026-41145", ["GHSA-x298", "CVE-2026-41145"]),
        ("GHSA and CVE-20", []),
    ],
)
def test_ids_are_found_in_docstrings(text, ids):
    assert ids_in_text(text) == ids


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_cve_2026_41145_a_credential", ["CVE-2026-41145"]),
        ("test_ghsa_x298_an_anonymous_list", ["GHSA-x298"]),
        ("test_a_plain_name", []),
    ],
)
def test_ids_are_found_in_names(name, ids):
    assert ids_in_name(name) == ids


def compared_secrets(source: str) -> list[str]:
    """Comparisons by == of what is called a secret with something that is no constant."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, *node.comparators]
            named = [ast.unparse(side).split(".")[-1] for side in sides if isinstance(side, ast.Name | ast.Attribute)]
            if any(SECRET.search(name) for name in named) and not any(isinstance(side, ast.Constant) for side in sides):
                found.append(ast.unparse(node))
    return found


def test_secrets_are_compared_in_constant_time():
    """CVE-2023-20902: a comparison that ends at the first difference tells how much was right."""
    found = {path.relative_to(ROOT).as_posix(): compared_secrets(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == OWN


def test_the_rule_sees_a_comparison_of_secrets():
    assert compared_secrets("if known.secret == given: pass") == ["known.secret == given"]
    assert compared_secrets("if secret == '': pass\nif size == other: pass") == []
