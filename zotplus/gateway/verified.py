"""Slices of stored blobs as a verified stream, for stores without local files and for connections with TLS."""

from collections.abc import AsyncIterator

from zotplus.domain import errors
from zotplus.domain.checksums import BLOCK_BYTES, ChunkSums
from zotplus.domain.errors import Problem
from zotplus.gateway.reply import BlobSlice
from zotplus.ports.blobs import Blobs


async def verified_chunks(blobs: Blobs, piece: BlobSlice) -> AsyncIterator[bytes]:
    """The bytes of ``piece``; whole blocks are read and checked before any byte of them is yielded.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    if not piece.sums:
        async for data in blobs.read(piece.digest, piece.offset, piece.length):
            yield data
        return
    sums = ChunkSums.from_bytes(piece.sums)
    stop = piece.offset + piece.length
    for block in range(piece.offset // BLOCK_BYTES, (stop + BLOCK_BYTES - 1) // BLOCK_BYTES):
        start = block * BLOCK_BYTES
        data = await _block(blobs, piece.digest, start, min(BLOCK_BYTES, sums.size - start))
        if not sums.verify(block, data):
            raise Problem(errors.BLOB_CORRUPT, digest=piece.digest)
        yield data[max(piece.offset - start, 0) : stop - start]


async def _block(blobs: Blobs, digest: str, start: int, length: int) -> bytes:
    pieces = [data async for data in blobs.read(digest, start, length)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
