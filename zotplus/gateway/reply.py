"""What a handler answers: status, headers and one of a few kinds of body."""

from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

import msgspec

from zotplus.services.values import Slice


class Stored(msgspec.Struct, frozen=True):
    """A body made of slices of stored blobs, sent in order, by sendfile where the store allows it."""

    slices: tuple[Slice, ...]

    @property
    def length(self) -> int:
        """Bytes in all."""
        return sum(piece.length for piece in self.slices)


class Streamed(msgspec.Struct, frozen=True):
    """A body that arrives while it is sent; ``length`` in bytes where it is known."""

    chunks: AsyncIterator[bytes]
    length: int | None = None


class Relayed(msgspec.Struct, frozen=True):
    """A body that the kernel moves from another socket: ``connection`` is the upstream adapter's open exchange.

    ``prefix`` holds the bytes already read from it; ``length`` counts them too.
    """

    connection: object
    prefix: bytes
    length: int


Body: TypeAlias = bytes | Stored | Streamed | Relayed


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. Header names are as they go on the wire.

    Content-Length is never among the headers: it is the body's, or ``length`` (bytes) where the answer to HEAD tells
    that of a body which is not sent. ``lines``, where there are any, are all the headers, as ``field_lines`` has made
    bytes of them.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: Body = b""
    length: int | None = None
    close: bool = False
    lines: bytes = b""


def field_lines(headers: Sequence[tuple[str, str]]) -> bytes:
    """Headers as they go on the wire. Raises ``ValueError`` for one that would break out of its line."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers) or "\0" in fields:
        raise ValueError("a header holds a line break")
    # Header text is bytes that came in as UTF-8 with surrogate escapes and goes out as the same bytes.
    return fields.encode("utf-8", "surrogateescape")
