"""What changes would do, as people read it: a unified diff of documents, and a line for each attachment."""

import difflib
import json
from collections.abc import Iterable, Iterator

import msgspec

from zotplus.protocols.api.policies.documents import ChangeDocument


def pretty(document: msgspec.Raw) -> str:
    """A document as it is printed and compared: JSON over several lines, in the author's order."""
    return json.dumps(json.loads(bytes(document)), indent=2, ensure_ascii=False)


def lines_of(change: ChangeDocument, before: msgspec.Raw | None, after: msgspec.Raw | None) -> Iterator[str]:
    """The lines of one change; ``before`` and ``after`` are the documents of a policy that is changed."""
    if change.change in ("attach", "detach"):
        way = " as boundary" if change.boundary else ""
        is_new = change.change == "attach"
        sign, word = ("+", "to") if is_new else ("-", "from")
        yield f"{sign} {change.change} {change.policy} {word} {change.grantee}{way}"
        return
    old = "/dev/null" if before is None else f"{change.policy} (version {change.version})"
    new = "/dev/null" if after is None else f"{change.policy} (file)"
    yield from difflib.unified_diff(_split(before), _split(after), old, new, lineterm="")


def summary(changes: Iterable[ChangeDocument]) -> str:
    """How many changes of each kind there are."""
    names = [change.change for change in changes]
    counted = [f"{names.count(name)} to {name}" for name in dict.fromkeys(names)]
    return ", ".join(counted) or "Nothing to change."


def _split(document: msgspec.Raw | None) -> list[str]:
    return [] if document is None else pretty(document).splitlines()
