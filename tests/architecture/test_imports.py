"""Imports keep to the contracts in pyproject.toml, and some modules are not imported at all."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.source import ROOT, modules

# Modules that turn stored bytes into code.
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}


def test_the_import_contracts_hold():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_stored_is_read_by_a_module_that_runs_code():
    found = [f"{m.name}: {name}" for m in modules() for name in imported(m.tree) if name.split(".")[0] in UNSAFE]
    assert found == []


def test_no_statement_vanishes_when_python_optimises():
    found = [f"{m.name}:{n.lineno}" for m in modules() for n in ast.walk(m.tree) if isinstance(n, ast.Assert)]
    assert found == []


def imported(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def test_the_reader_of_imports_sees_both_forms():
    assert imported(ast.parse("import pickle as p\nfrom shelve import open")) == ["pickle", "shelve"]
