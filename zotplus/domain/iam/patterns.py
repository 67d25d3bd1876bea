"""Patterns with wildcards and variables: ``s3:home/${aws:username}/*``.

``*`` matches any run of characters, ``/`` included, and ``?`` one character. ``${key}`` is the value of a condition
key, ``${key, 'text'}`` has a default, and ``${*}``, ``${?}``, ``${$}`` are those characters themselves. A value that is
put in is plain text: what a caller may choose never becomes a wildcard.

Spec: AWS IAM User Guide, "IAM policy elements: Variables and tags"; "Using wildcards in resource ARNs".
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

Lookup: TypeAlias = Callable[[str], tuple[str, ...] | None]
"""All values of a condition key, which is in lower case; None where it is absent."""


class Wildcard(Enum):
    """What stands for other characters."""

    RUN = "*"
    ONE = "?"


@dataclass(frozen=True)
class Variable:
    """A condition key, in lower case, whose only value is put in; ``default`` where it has none."""

    key: str
    default: str | None = None


Part: TypeAlias = str | Wildcard | Variable
Fixed: TypeAlias = tuple[str | Wildcard, ...]

Matcher: TypeAlias = Callable[[str], object]
"""Says something true of a text that matches as a whole."""

_SPECIAL = re.compile(r"\$\{([^}]*)\}|([*?])")
_WILDCARD = re.compile(r"()([*?])")  # the same groups
_WILDCARDS = {row.value: row for row in Wildcard}
_OPENING = "${"
_beginning = re.compile(r"[^*?$]*").match
_is_variable = re.compile(r"([^\s,'{}$*?]+)(?:, *'([^']*)')?").fullmatch
_LITERALS = frozenset({"*", "?", "$"})


def parts_of(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Part, ...]:
    """``text`` taken apart; without ``variables`` a ``${`` is plain text, without ``wildcards`` so are ``*`` and ``?``.

    Raises ``ValueError`` for a ``${`` that begins no variable.
    """
    if not variables and not wildcards:
        return (text,)
    parts: list[Part] = []
    end = 0
    for found in (_SPECIAL if variables else _WILDCARD).finditer(text):
        parts.append(_plain(text[end : found.start()], variables=variables))
        name, wildcard = found.groups()
        if wildcard:
            parts.append(_WILDCARDS[wildcard] if wildcards else wildcard)
        else:
            parts.append(_variable(name))
        end = found.end()
    parts.append(_plain(text[end:], variables=variables))
    return _without_repeats(parts)


def variables_of(parts: Sequence[Part]) -> tuple[Variable, ...]:
    """The variables among ``parts``."""
    return tuple([part for part in parts if isinstance(part, Variable)])


def filled(parts: Sequence[Part], lookup: Lookup) -> Fixed | None:
    """``parts`` with values for variables; None where one has no value, or several.

    Spec: "Policy variables with no value" (nothing is equal to it or like it); only keys with one value can be used.
    """
    fixed: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, Variable):
            values = lookup(part.key)
            value = values[0] if values is not None and len(values) == 1 else part.default
            if value is None:
                return None
            fixed.append(value)
        else:
            fixed.append(part)
    return tuple(fixed)


def fixed_matches(fixed: Fixed, text: str) -> bool:
    """Whether ``text`` as a whole is what ``fixed`` describes; in time bounded by the product of their lengths."""
    if Wildcard.ONE not in fixed:
        if Wildcard.RUN not in fixed:
            return "".join([str(part) for part in fixed]) == text
        if fixed.index(Wildcard.RUN) == len(fixed) - 1:
            return text.startswith("".join([str(part) for part in fixed[:-1]]))
    return bool(expression(fixed)(text))


@lru_cache(maxsize=4_096)  # making one takes longer than matching, a hundred times where it is compiled
def expression(fixed: Fixed) -> Matcher:
    """A function that says whether a whole text is what ``fixed`` describes.

    Between stars the leftmost match is always good enough: what could match further right can do so after it as well.
    """
    runs: list[list[str | Wildcard]] = [[]]
    for part in fixed:
        if part is Wildcard.RUN:
            runs.append([])
        else:
            runs[-1].append(part)
    if Wildcard.ONE in fixed or len(runs) == 1:
        return _compiled(
            ["".join("." if part is Wildcard.ONE else re.escape(str(part)) for part in run) for run in runs]
        )
    first, *middle, last = ["".join([str(part) for part in run]) for run in runs]

    def match(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return False
        for run in middle:
            at = text.find(run, at, end)
            if at < 0:
                return False
            at += len(run)
        return True

    return match


def _compiled(runs: list[str]) -> Matcher:
    """Atomic groups take the leftmost match and never come back: else ``*a*a*a*b`` would try every split."""
    first, *others = runs
    if others:
        *middle, last = others
        stepping = "".join([f"(?>.*?{run})" for run in middle])
        first = f"{first}{stepping}.*{last}"
    return re.compile(first, re.DOTALL).fullmatch


@lru_cache(maxsize=4_096)
def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` as a whole is what ``pattern``, which has no variables, describes."""
    return fixed_matches(_fixed(pattern), text)


@lru_cache(maxsize=1_024)
def _fixed(pattern: str) -> Fixed:
    parts = parts_of(pattern, variables=False)
    return tuple([part for part in parts if not isinstance(part, Variable)])


def beginning_of(pattern: str) -> str:
    """What every text that ``pattern`` matches begins with, whatever its variables stand for."""
    found = _beginning(pattern)
    return found[0] if found else ""


def is_wider(pattern: str, other: str) -> bool:
    """Whether ``pattern`` matches all that ``other`` does; yes is certain, no is not.

    Wildcards of ``other`` are read as the characters that they are and its variables as one that no name holds: only
    ``*`` of ``pattern`` can take them.
    """
    if pattern == other:
        return True
    if Wildcard.RUN.value not in pattern or Wildcard.ONE.value in pattern or _OPENING in pattern:
        return False
    return matches(pattern, _SPECIAL.sub(lambda found: found[2] or "\0", other))


def _without_repeats(parts: list[Part]) -> tuple[Part, ...]:
    """``parts`` without empty texts, and with one ``*`` where several stand side by side, which mean the same."""
    kept: list[Part] = []
    for part in parts:
        if part != "" and not (part is Wildcard.RUN and kept[-1:] == [part]):
            kept.append(part)
    return tuple(kept)


def _plain(text: str, *, variables: bool) -> str:
    if variables and _OPENING in text:
        raise ValueError("a '${' is not closed")
    return text


def _variable(name: str) -> str | Variable:
    if name in _LITERALS:
        return name
    found = _is_variable(name)
    if found is None:
        raise ValueError(f"'${{{name[:100]}}}' is no variable: write ${{key}} or ${{key, 'default'}}")
    key, default = found.groups()
    return Variable(key.lower(), default)
