"""Where an object's bytes are: the slices of a range, with the block sums that prove them; and reading them back."""

from collections.abc import AsyncIterator, Iterable

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


async def read_slices(blobs: Blobs, slices: Iterable[SliceRecord]) -> AsyncIterator[bytes]:
    """The bytes of ``slices`` in order. Raises ``BLOB_MISSING``."""
    for piece in slices:
        async for chunk in blobs.read(piece.digest.hex(), piece.offset, piece.length):
            yield chunk
