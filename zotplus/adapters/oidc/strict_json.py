"""JSON of others, read in one way only: no name twice, no number that is none, bounded depth and size.

A reader that takes the first of two equal names and one that takes the last see different tokens. RFC 7519, 4 leaves
the choice between refusing and taking the last; refusing leaves nothing to disagree about.
"""

import json
from typing import Any, NoReturn

DEPTH_MAX = 32
"""Claims and key sets nest up to four deep; what nests deeper is built to exhaust a reader."""


def read_object(content: bytes) -> dict[str, Any]:
    """The object that ``content`` (UTF-8) holds. Raises ``ValueError`` for anything else."""
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error
    if not isinstance(value, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - the document is at fault, not the caller
    if _is_deep(value):
        raise ValueError("it nests too deep")
    return value


def _is_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(DEPTH_MAX):
        layer = [inner for outer in layer for inner in _members(outer)]
        if not layer:
            return False
    return True


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError("a number is not finite")
