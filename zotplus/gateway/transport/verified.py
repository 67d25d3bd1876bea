"""Slices of stored blobs as a verified stream, for stores without local files and for connections with TLS."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import structlog

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import Blobs
from zotplus.services.content.contents import read_slices
from zotplus.services.values import Slice

log = structlog.get_logger("zotplus.content")


def damage(problem: Problem, digest: str) -> Problem:
    """``problem`` naming the blob; damage to what is stored is told to the operator wherever it is found."""
    if problem.fault in {errors.BLOB_CORRUPT, errors.BLOB_MISSING}:
        log.error("content_damaged", fault=problem.fault.code, digest=digest, detail=problem.detail)
    return Problem(problem.fault, problem.detail, **{**problem.fields, "digest": digest})


async def verified_chunks(blobs: Blobs, slices: Iterable[Slice]) -> AsyncIterator[bytes]:
    """The bytes of ``slices`` in order; see ``read_slices``. Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``."""
    for piece in slices:
        try:
            async with aclosing(read_slices(blobs, (piece,))) as chunks:
                async for data in chunks:
                    yield data
        except Problem as problem:
            raise damage(problem, piece.digest) from problem
