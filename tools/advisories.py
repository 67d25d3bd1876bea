"""Published flaws and the tests that would find them here: the table of ``tests/advisories.yaml``, and its page.

A test is one of a flaw's if the table names it, or if its own name or docstring names an id of the flaw:
``CVE-2026-41145`` and ``GHSA-hv4r-mvr4-25vw`` in docstrings (the first block of a GHSA is enough), ``cve_2026_41145``
and ``ghsa_hv4r`` in names.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "advisories.yaml"
_IN_TEXT = re.compile(r"\bCVE-\d{4}-\d{4,7}\b|\bGHSA(?:-[23456789cfghjmpqrvwx]{4}){1,3}\b")
_IN_NAME = re.compile(r"_cve_(\d{4})_(\d{4,7})(?=_)|_ghsa_([23456789cfghjmpqrvwx]{4})(?=_)")
_GHSA = "GHSA-"
_BLOCK = 4

HEAD = """# Published flaws, and the tests that look for them here

Flaws that were published of gateways, registries and libraries like those that this server stands on, each with the
tests that would fail if this server had it, or with the reason why it cannot. The page is printed from the tests
(`tests/advisories.yaml`, and the ids in names and docstrings of tests); a test fails for a flaw that has neither.

How to report a flaw of this server is in `SECURITY.md`; what it defends against as a whole is the
[threat model](../threat-model.md).
"""


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """A published flaw: of which product, its ids, what it was, tests that are named for it, why it cannot be had."""

    section: str
    of: str
    ids: tuple[str, ...]
    flaw: str
    named: tuple[str, ...]
    because: str


@dataclass(frozen=True, kw_only=True)
class Test:
    """A test and the ids that it names."""

    name: str
    file: str
    ids: frozenset[str]


def flaws() -> tuple[Flaw, ...]:
    """Return the table."""
    return tuple(
        Flaw(
            section=section["section"],
            of=entry["of"],
            ids=tuple(entry["ids"]),
            flaw=entry["flaw"].strip(),
            named=tuple(entry.get("tests", ())),
            because=entry.get("because", "").strip(),
        )
        for section in yaml.safe_load(TABLE.read_text())
        for entry in section["entries"]
    )


@cache
def tests() -> tuple[Test, ...]:
    """Return every test of the repository."""
    return tuple(test for path in sorted((ROOT / "tests").rglob("test_*.py")) for test in _tests_in(path))


def _tests_in(path: Path) -> Iterator[Test]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            told = frozenset(ids_in_text(ast.get_docstring(node) or "")) | frozenset(ids_in_name(node.name))
            yield Test(name=node.name, file=path.relative_to(ROOT).as_posix(), ids=told)


def ids_in_text(text: str) -> list[str]:
    """Return the ids that a text names, each as `short` has it."""
    return [short(match) for match in _IN_TEXT.findall(text)]


def ids_in_name(name: str) -> list[str]:
    """Return the ids that the name of a test names."""
    return [f"{_GHSA}{ghsa}" if ghsa else f"CVE-{year}-{number}" for year, number, ghsa in _IN_NAME.findall(name)]


def short(id_: str) -> str:
    """Return an id by which the long and the short form of it are the same."""
    return id_[: len(_GHSA) + _BLOCK] if id_.startswith(_GHSA) else id_


def tests_of(flaw: Flaw) -> list[Test]:
    """Return the tests of a flaw, in the order of their names."""
    ids = {short(id_) for id_ in flaw.ids}
    found = {test.name: test for test in tests() if test.name in flaw.named or test.ids & ids}
    return [found[name] for name in sorted(found)]


def page() -> str:
    """Return the page's text."""
    parts = [HEAD]
    for section in dict.fromkeys(flaw.section for flaw in flaws()):
        rows = [_row(flaw) for flaw in flaws() if flaw.section == section]
        parts.append("\n".join([f"## {section}\n", "| published | what it was | here |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _row(flaw: Flaw) -> str:
    here = "<br>".join(f"`{test.name}`" for test in tests_of(flaw)) or f"cannot be: {flaw.because}"
    return f"| {flaw.of}: {', '.join(flaw.ids)} | {flaw.flaw} | {' '.join(here.split())} |"
