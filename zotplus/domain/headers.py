"""Request headers as the domain reads them: a small protocol, and a plain value for clients and tests.

The gateway passes its server's own case-insensitive multi-dictionary; nothing here copies it.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol


class Headers(Protocol):
    """Header fields by name, case-insensitively; a name may occur more than once."""

    def get(self, name: str, /) -> str | None:
        """The first value of ``name``, or None."""
        ...

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """Every value of ``name`` in the order received, or ``default``."""
        ...

    def __iter__(self) -> Iterator[str]:
        """Every name in the order and case received; a repeated name may be repeated."""
        ...


class PlainHeaders:
    """Headers built from pairs: what signers of outgoing requests and tests use."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, list[str]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def get(self, name: str, /) -> str | None:
        """The first value of ``name``, or None."""
        values = self._values.get(name.lower())
        return values[0] if values else None

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """Every value of ``name``, or ``default``."""
        return self._values.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The fields as given."""
        return self._pairs
