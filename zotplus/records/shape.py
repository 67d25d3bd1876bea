"""How a record becomes bytes, and how a record of an older release is read.

Stored bytes begin with a marker of two: a letter for the kind of record and the number of its shape. A shape may name
its predecessor and a function that turns the predecessor's value into its own, so a record migrates itself when it is
read and is stored in the newest shape when it is next written; nothing ever rewrites a whole store.

Rules for a change: a shape that was released is never edited. A new one gets the next number, ``Previous`` points to
the old (or, where only fields with defaults were appended, ``grown_from`` names its marker), and a sample of it joins
``tests/unit/records/samples.json``, which is decoded by a test for ever.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

R = TypeVar("R")

MARKER_BYTES = 2


class Previous(Generic[R]):
    """The shape before this one and how its value becomes this one's."""

    def __init__(self, shape: "Shape[Any]", migrate: Callable[[Any], R]) -> None:
        self.shape = shape
        self.migrate = migrate


class Shape(Generic[R]):
    """One form of one kind of record: MessagePack of the fields in order, behind the marker.

    ``grown_from`` are the markers of earlier forms that had the first of these fields; the rest have defaults.
    """

    def __init__(
        self, marker: bytes, kind: type[R], previous: Previous[R] | None = None, *, grown_from: tuple[bytes, ...] = ()
    ) -> None:
        if len(marker) != MARKER_BYTES:
            raise ValueError(f"a marker has {MARKER_BYTES} bytes")
        self.marker = marker
        self.kind = kind
        self.previous = previous
        self._readable = frozenset({marker, *grown_from})
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(kind)

    def encode(self, record: R) -> bytes:
        """The stored form of ``record``."""
        return self.marker + self._encoder.encode(record)

    def decode(self, data: bytes) -> R:
        """The record in ``data``, migrated where it is of an older shape.

        Raises ``STORAGE_FAILED`` for damaged bytes, another kind's record and one of a newer release.
        """
        if data[:MARKER_BYTES] in self._readable:
            return self._parse(data)
        if self.previous is None:
            raise Problem(
                errors.STORAGE_FAILED, f"A {self.kind.__name__} has an unknown marker.", marker=data[:2].hex()
            )
        return self.previous.migrate(self.previous.shape.decode(data))

    def _parse(self, data: bytes) -> R:
        try:
            return self._decoder.decode(memoryview(data)[MARKER_BYTES:])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Problem(errors.STORAGE_FAILED, f"A {self.kind.__name__} cannot be read.") from error
