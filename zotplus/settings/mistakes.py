"""Every mistake in a file's settings, so that it is corrected once and not once for each of them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.settings.documentation import leaves, sections
from zotplus.settings.sources import Tree, nearest

MOST = 20
"""As many are named as fit on a screen."""

Place = tuple[str, ...]
Mistakes = dict[Place, str]
"""What is wrong, by where it is, in the order of the file."""


def refuse_mistakes(mistakes: Mistakes, where: str) -> None:
    """Raises ``SETTING_INVALID`` with all of ``mistakes``, if there are any."""
    if not mistakes:
        return
    told = [mistakes[place] for place in list(mistakes)[:MOST]]
    if len(mistakes) > MOST:
        told.append(f"And {len(mistakes) - MOST} more.")
    count = f"{len(mistakes)} mistakes: " if len(mistakes) > 1 else ""
    raise Problem(errors.SETTING_INVALID, f"{where}: {count}{' '.join(told)}", setting=".".join(next(iter(mistakes))))


def misnamed(tree: Tree) -> Mistakes:
    """Names that are no settings, with the nearest that is."""
    known = [leaf.name for leaf in leaves().values()]
    found: Mistakes = {}

    def visit(node: Tree, path: Place) -> None:
        for key, value in node.items():
            place = (*path, str(key))
            name = ".".join(place)
            if place in leaves():
                continue
            if place not in sections():
                guess = nearest(name, known) if len(found) < MOST else ""  # a large file may hold thousands
                found[place] = f"{name} is not a setting{guess or '.'}"
            elif isinstance(value, dict):
                visit(value, place)
            elif value is not None:
                found[place] = f"{name} is a section and takes names and values."

    visit(tree, ())
    return found


def misvalued(tree: Tree) -> Mistakes:
    """Values of the wrong form: each setting's own first, then what contradicts itself in a section without others."""
    found: Mistakes = {}
    for place, leaf in leaves().items():
        for value in _at(tree, place):
            found |= _mistake(value, leaf.annotation, place)
    for place in sorted(sections(), key=len, reverse=True):
        if not any(wrong[: len(place)] == place for wrong in found):
            for value in _at(tree, place):
                found |= _mistake(value, sections()[place], place)
    return found


def _at(tree: Any, place: Place) -> Iterator[Any]:
    """The value at ``place``, if there is one; a section that is switched off by None is none."""
    for name in place:
        if not isinstance(tree, dict) or name not in tree:
            return
        tree = tree[name]
    if tree is not None or place not in sections():
        yield tree


def _mistake(value: Any, kind: Any, place: Place) -> Mistakes:
    try:
        msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:  # it may quote the value, and never does in its first part
        reason, _, inside = str(error).partition(" - at `$")
        name = ".".join(place) + inside.rstrip("`")
        return {place: f"{name.lstrip('.') or 'the root'}: {reason.rstrip('.')}."}
    return {}
