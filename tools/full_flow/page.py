"""Prints the page of versitygw's suite from the results that were recorded and the reasons for what does not pass."""

from collections import Counter
from fnmatch import fnmatchcase

from tools.full_flow.results import KNOWN, RESULTS, read_known, read_results

HEAD = """# A public suite

[versitygw](https://github.com/versity/versitygw) (1.8.0) has the largest suite for servers of S3 that is public. `make
full-flow` runs `versitygw test full-flow --versioning-enabled` against a fresh server with its default settings, and
records the result, from which this page is printed. `make test` runs it too, and fails for a case that fails without a
reason here, and for one that passes and has one. Users and owners of buckets, which the suite makes with `versitygw
admin`, are made with this server's means (`tools/full_flow/users.py`). The suite has twenty more cases for buckets
without versions, of which nearly all lock objects there; object lock needs versions, here as at Amazon.
"""


def page() -> str:
    """Return the page's text."""
    passed, failed = read_results(RESULTS.read_text())
    total = len(passed) + len(failed)
    parts = [HEAD, f"**{len(passed)} of {total} cases pass.**\n", "| family | pass | of |\n|---|---|---|"]
    families = Counter(_family(name) for name in sorted({*passed, *failed}, key=str.lower))
    good = Counter(_family(name) for name in passed)
    parts += [f"| {family} | {good[family]} | {count} |" for family, count in families.items()]
    parts += ["\n## What does not pass, and why\n", "| case | why |\n|---|---|"]
    known = read_known(KNOWN.read_text())
    parts += [f"| {name} | {_reason(name, known)} |" for name in sorted(failed, key=str.lower)]
    return "\n".join(parts) + "\n"


def _family(name: str) -> str:
    return name.split("_", 1)[0]


def _reason(name: str, known: dict[str, str]) -> str:
    return next((reason for pattern, reason in known.items() if fnmatchcase(name, pattern)), "not explained yet")
