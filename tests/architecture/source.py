"""Reads the package's source: files, functions and names, each once per run."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "zotplus"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Module:
    path: Path
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def modules() -> tuple[Module, ...]:
    return tuple(parse(path) for path in sorted(PACKAGE.rglob("*.py")))


def parse(path: Path) -> Module:
    text = path.read_text()
    return Module(path=path, lines=len(text.splitlines()), tree=ast.parse(text))


def functions(module: Module) -> list[Function]:
    return [node for node in ast.walk(module.tree) if isinstance(node, Function)]


def body_lines(function: Function) -> int:
    """Lines of the body, blank ones and comments included, the docstring not."""
    statements = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not statements:
        return 0
    first = statements[0]
    decorators = [d.lineno for d in getattr(first, "decorator_list", [])]
    return (function.end_lineno or 0) - min([first.lineno, *decorators]) + 1


def parameters(function: Function) -> int:
    """How many values a caller may pass; the instance or class is none of them."""
    arguments = function.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in named if name not in {"self", "cls"}])


def public_definitions(module: Module) -> list[tuple[str, Function | ast.ClassDef]]:
    """Classes, functions and methods that others may use, with dotted names; what is inside a function is its own."""
    found: list[tuple[str, Function | ast.ClassDef]] = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
                continue
            found.append((prefix + node.name, node))
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(module.tree.body, "")
    return found
