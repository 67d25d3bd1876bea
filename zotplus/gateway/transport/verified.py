"""Slices of stored blobs as a verified stream, for stores without local files and for connections with TLS."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import structlog

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums
from zotplus.gateway.reply import BlobSlice
from zotplus.ports.blobs import Blobs

log = structlog.get_logger("zotplus.content")


def damage(problem: Problem, digest: str) -> Problem:
    """``problem`` naming the blob; damage to what is stored is told to the operator wherever it is found."""
    if problem.fault in {errors.BLOB_CORRUPT, errors.BLOB_MISSING}:
        log.error("content_damaged", fault=problem.fault.code, digest=digest, detail=problem.detail)
    return Problem(problem.fault, problem.detail, **{**problem.fields, "digest": digest})


async def verified_chunks(blobs: Blobs, piece: BlobSlice) -> AsyncIterator[bytes]:
    """The bytes of ``piece``; whole blocks are read and checked before any byte of them is yielded.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    try:
        async with aclosing(_checked(blobs, piece)) as chunks:
            async for data in chunks:
                yield data
    except Problem as problem:
        raise damage(problem, piece.digest) from problem


async def _checked(blobs: Blobs, piece: BlobSlice) -> AsyncGenerator[bytes, None]:
    if not piece.sums:
        async for data in blobs.read(piece.digest, piece.offset, piece.length):
            yield data
        return
    sums = ChunkSums.from_bytes(piece.sums)
    found = await blobs.stat(piece.digest)
    if found is None:
        raise Problem(errors.BLOB_MISSING, digest=piece.digest)
    stop = piece.offset + piece.length
    for block in range(piece.offset // BLOCK_SIZE, (stop + BLOCK_SIZE - 1) // BLOCK_SIZE):
        start = block * BLOCK_SIZE
        data = await _block(blobs, piece.digest, start, min(BLOCK_SIZE, found.size - start))
        sums.verify(block, data)
        yield data[max(piece.offset - start, 0) : stop - start]


async def _block(blobs: Blobs, digest: str, start: int, length: int) -> bytes:
    pieces = [data async for data in blobs.read(digest, start, length)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
