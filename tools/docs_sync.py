"""Prints the reference pages from the tables that the product itself reads.

``make fix`` and ``make docs`` write them; ``python -m tools.docs_sync --check`` names those that are out of date, and a
test in ``tests/architecture`` fails for each. To add a page, write a function without parameters that returns its whole
text, and add one row to `PAGES`.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Page:
    """``target`` is a path from the repository root; ``generator`` is ``module:function``, imported when needed."""

    target: str
    generator: str


PAGES = (
    Page(target="docs/clients.md", generator="tools.reference_clients:page"),
    Page(target="docs/reference/s3/suite.md", generator="tools.full_flow.page:page"),
    Page(target="docs/security/advisories.md", generator="tools.advisories:page"),
    Page(target="docs/reference/errors.md", generator="tools.reference_errors:page"),
    Page(target="docs/reference/s3/operations.md", generator="tools.reference_operations:page"),
    Page(target="docs/reference/policies.md", generator="tools.reference_policies:page"),
    Page(target="docs/reference/configuration.md", generator="zotplus.settings.printing:reference"),
    Page(target="docs/cli.md", generator="zotplus.cli.reference:page"),
    Page(target="docs/reference/metrics.md", generator="zotplus.adapters.telemetry.metrics_table:reference"),
)


def render(page: Page) -> str:
    """Return the page's whole text."""
    module, function = page.generator.split(":")
    generate = cast("Callable[[], str]", getattr(import_module(module), function))
    return generate()


def main() -> int:
    """Write every page that has changed, or only name it; the exit status is 1 where ``--check`` finds one."""
    parser = argparse.ArgumentParser(description="Print the reference pages from the product's tables.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is out of date")
    check = parser.parse_args().check
    stale = [page for page in PAGES if _current(page) != render(page)]
    for page in stale:
        print(f"{'out of date' if check else 'writing'}: {page.target}")
        if not check:
            (ROOT / page.target).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / page.target).write_text(render(page))
    return 1 if check and stale else 0


def _current(page: Page) -> str | None:
    path = ROOT / page.target
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
