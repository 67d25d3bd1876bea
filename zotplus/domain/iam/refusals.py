"""How a policy that cannot be accepted is refused: where, what, and what may have been meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from zotplus.domain import errors
from zotplus.domain.errors import Problem

POLICY_TEXT_SHOWN = 100
"""Characters of the author's own text that a refusal repeats at most."""

_NAME_COMPARED = 64  # longer than any name that exists; comparing takes the product of both lengths


def refusal(path: str, wrong: str) -> Problem:
    """``POLICY_INVALID`` that says what is wrong at ``path`` (``$.Statement[2].Action``)."""
    return Problem(errors.POLICY_INVALID, f"{path[:200]}: {wrong}.", path=path[:200])


def shown(text: object) -> str:
    """The author's own text, shortened, in quotes, without characters that could mislead a reader of logs."""
    whole = str(text)
    return ascii(whole if len(whole) <= POLICY_TEXT_SHOWN else f"{whole[:POLICY_TEXT_SHOWN]}…")


def nearest(name: str, known: Iterable[str]) -> str:
    """What can be added to a refusal of ``name``: the most similar of the ``known``, where one is similar at all."""
    by_lower = {row.lower(): row for row in known}
    found = get_close_matches(name[:_NAME_COMPARED].lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[found[0]]!r}?" if found else ""
