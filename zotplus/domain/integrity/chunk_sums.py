"""CRC-32C of every MiB of a blob, so that reading a range of it can be verified without reading the rest.

The form is four bytes, big-endian, for each block in order; the last block may be shorter, an empty blob has none.
"""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.crc import CRC32C, Buffer

BLOCK_SIZE = 1 << 20
_SUM_SIZE = 4


class ChunkSums:
    """The sums of one blob: computed with ``update`` while it is written, or read with ``from_bytes``."""

    def __init__(self) -> None:
        self._sums = bytearray()
        self._value = 0
        self._filled = 0  # bytes in the block under way

    @classmethod
    def from_bytes(cls, raw: Buffer) -> "ChunkSums":
        """The sums as ``to_bytes`` gave them. Raises ``BLOB_CORRUPT``."""
        if len(raw) % _SUM_SIZE:
            raise Problem(errors.BLOB_CORRUPT, "The block checksums are damaged.")
        sums = cls()
        sums._sums = bytearray(raw)
        return sums

    def update(self, data: Buffer) -> None:
        """Go on with ``data``, of any length."""
        view = memoryview(data)
        while view:
            piece = view[: BLOCK_SIZE - self._filled]
            self._value = CRC32C.run(piece, self._value)
            self._filled += len(piece)
            if self._filled == BLOCK_SIZE:
                self._sums += self._value.to_bytes(_SUM_SIZE, "big")
                self._value = self._filled = 0
            view = view[len(piece) :]

    def to_bytes(self) -> bytes:
        """The sums of what was written so far, a last short block included."""
        if not self._filled:
            return bytes(self._sums)
        return bytes(self._sums) + self._value.to_bytes(_SUM_SIZE, "big")

    def verify(self, block_index: int, data: Buffer) -> None:
        """Raises ``BLOB_CORRUPT`` unless ``data`` is the whole block of that index, counted from 0."""
        start = block_index * _SUM_SIZE
        expected = self._sums[start : start + _SUM_SIZE]
        if not expected or CRC32C.run(data, 0) != int.from_bytes(expected, "big"):
            raise Problem(errors.BLOB_CORRUPT, f"Block {block_index} of a blob is not what was written.")
