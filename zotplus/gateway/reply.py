"""What a handler answers: status, headers and one of a few kinds of body."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import msgspec


class BlobSlice(msgspec.Struct, frozen=True, kw_only=True):
    """``length`` bytes of a stored blob from ``offset``; ``sums`` are its block checksums (``ChunkSums.to_bytes``)."""

    digest: str
    offset: int
    length: int
    sums: bytes = b""


class Stored(msgspec.Struct, frozen=True):
    """A body made of slices of stored blobs, sent in order, by sendfile where the store allows it."""

    slices: tuple[BlobSlice, ...]

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
    """An answer. Header names are as they go on the wire; Content-Length is set from the body unless given (HEAD)."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = b""
    close: bool = False
