"""Byte ranges (RFC 9110 section 14.1.2) and the range of a part that is copied.

A ``Range`` header that is not understood is ignored, several ranges included: the whole object is a correct answer.
"""

from collections.abc import Sequence

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

# 5 TiB has 13 digits; longer positions are capped, which no object can tell.
_MAX_DIGITS = 18
_UNIT = "bytes="


class FromTo(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes ``first`` to ``last``, both included."""

    first: int
    last: int


class From(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes from ``first`` to the end."""

    first: int


class Suffix(msgspec.Struct, frozen=True, kw_only=True):
    """The last ``length`` bytes."""

    length: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that came as part ``number``, from 1; an object written at once is its own part 1."""

    number: int


Range = FromTo | From | Suffix | Part


def parse_range(header: str) -> FromTo | From | Suffix | None:
    """What a ``Range`` header asks for; None where it is to be ignored (another unit, several ranges, no range)."""
    # Range units are case-insensitive (RFC 9110 section 14.1).
    if header[: len(_UNIT)].lower() != _UNIT:
        return None
    first_text, dash, last_text = header[len(_UNIT) :].partition("-")
    if not dash:
        return None
    first, last = _position(first_text), _position(last_text)
    if first is None:
        return Suffix(length=last) if last is not None and not first_text else None
    if last is None:
        return From(first=first) if not last_text else None
    return FromTo(first=first, last=last) if first <= last else None


def resolve(asked: Range, size: int, part_sizes: Sequence[int] = ()) -> tuple[int, int]:
    """Start and length in an object of ``size`` bytes, which came in parts of ``part_sizes`` or at once.

    Raises ``RANGE_UNSATISFIABLE`` where no byte is asked for, ``PART_NUMBER_UNSATISFIABLE``. Of an empty object a
    suffix and the first part are all that there is (RFC 9110 section 14.1.2).
    """
    if isinstance(asked, Part):
        return _resolve_part(asked.number, part_sizes or (size,))
    if isinstance(asked, FromTo):
        start, end = asked.first, min(asked.last + 1, size)
    elif isinstance(asked, From):
        start, end = asked.first, size
    else:
        start, end = max(size - asked.length, 0), size
        if asked.length and not size:
            return 0, 0
    if start >= end:
        raise Problem(errors.RANGE_UNSATISFIABLE, ActualObjectSize=size, RangeRequested=_text(asked))
    return start, end - start


def _resolve_part(number: int, sizes: Sequence[int]) -> tuple[int, int]:
    if number > len(sizes):
        raise Problem(errors.PART_NUMBER_UNSATISFIABLE, ActualPartCount=len(sizes), PartNumberRequested=number)
    return sum(sizes[: number - 1]), sizes[number - 1]


def parse_copy_range(header: str) -> FromTo:
    """``x-amz-copy-source-range``, which has the one form ``bytes=first-last``. Raises ``ARGUMENT_INVALID``."""
    asked = parse_range(header) if header.startswith(_UNIT) else None
    if not isinstance(asked, FromTo):
        raise Problem(
            errors.ARGUMENT_INVALID,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header[:128],
        )
    return asked


def resolve_copy_range(asked: FromTo, size: int) -> tuple[int, int]:
    """Start and length in a source of ``size`` bytes; it must hold every byte. Raises ``ARGUMENT_INVALID``."""
    if asked.last >= size:
        raise Problem(
            errors.ARGUMENT_INVALID,
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=_text(asked),
        )
    return asked.first, asked.last - asked.first + 1


def _position(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _text(asked: FromTo | From | Suffix) -> str:
    if isinstance(asked, FromTo):
        return f"bytes={asked.first}-{asked.last}"
    return f"bytes={asked.first}-" if isinstance(asked, From) else f"bytes=-{asked.length}"
