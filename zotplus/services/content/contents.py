"""Where an object's bytes are: the slices of a range, with the block sums that prove them; and reading them back."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.objects import SliceRecord
from zotplus.services.values import Slice


def cut_slices(slices: Iterable[SliceRecord], start: int, length: int) -> list[SliceRecord]:
    """The runs of ``slices`` that hold ``length`` bytes from ``start``."""
    found = []
    position = 0
    for piece in slices:
        first = max(start - position, 0)
        last = min(start + length - position, piece.length)
        if first < last:
            found.append(SliceRecord(piece.digest, piece.offset + first, last - first))
        position += piece.length
    return found


def with_sums(snapshot: Snapshot, slices: Iterable[SliceRecord]) -> tuple[Slice, ...]:
    """The slices as values; ``sums`` are those of the whole blob."""
    return tuple(
        [
            Slice(
                digest=piece.digest.hex(),
                offset=piece.offset,
                length=piece.length,
                sums=snapshot.get(layout.block_sums(piece.digest)) or b"",
            )
            for piece in slices
        ]
    )


async def read_slices(blobs: Blobs, slices: Iterable[Slice]) -> AsyncGenerator[bytes, None]:
    """The bytes of ``slices`` in order; whole blocks are read and checked before any byte of them is given.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    for piece in slices:
        chunks = _checked(blobs, piece) if piece.sums else blobs.read(piece.digest, piece.offset, piece.length)
        async for chunk in chunks:
            yield chunk


async def _checked(blobs: Blobs, piece: Slice) -> AsyncIterator[bytes]:
    sums = ChunkSums.from_bytes(piece.sums)
    found = await blobs.stat(piece.digest)
    if found is None:
        raise Problem(errors.BLOB_MISSING, digest=piece.digest)
    stop = piece.offset + piece.length
    for start in range(piece.offset - piece.offset % BLOCK_SIZE, stop, BLOCK_SIZE):
        chunks = blobs.read(piece.digest, start, min(BLOCK_SIZE, found.size - start))
        block = b"".join([chunk async for chunk in chunks])
        sums.verify(start // BLOCK_SIZE, block)
        yield block[max(piece.offset - start, 0) : stop - start]
