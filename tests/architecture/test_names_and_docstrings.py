"""Every module says what it is for, every public name of the inside is explained, and no name is a catch-all."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGE, modules, public_definitions

DOCUMENTED = ("domain", "ports", "records", "services")
CATCH_ALL = re.compile(r"(^|_)(utils?|helpers?|common|managers?)(_|$)")


def test_every_module_has_a_docstring():
    assert [m.name for m in modules() if not ast.get_docstring(m.tree)] == []


@pytest.mark.parametrize("layer", DOCUMENTED)
def test_everything_public_in_the_layer_has_a_docstring(layer):
    missing = [
        f"{m.name}: {name}"
        for m in modules()
        if m.path.is_relative_to(PACKAGE / layer)
        for name, node in public_definitions(m)
        if not ast.get_docstring(node)
    ]
    assert missing == []


def test_no_file_or_folder_is_a_catch_all():
    paths = [p for p in PACKAGE.rglob("*") if p.is_dir() or p.suffix == ".py"]
    assert [str(p.relative_to(PACKAGE)) for p in paths if CATCH_ALL.search(p.stem)] == []


@pytest.mark.parametrize("stem", ["util", "string_utils", "helper", "common", "session_manager"])
def test_the_rule_knows_a_catch_all(stem):
    assert CATCH_ALL.search(stem)


@pytest.mark.parametrize("stem", ["commons_archive", "utility_bill", "uncommon"])
def test_the_rule_leaves_other_names_alone(stem):
    assert not CATCH_ALL.search(stem)
