"""Where an object's bytes are: the slices of a range, with what proves them; and reading them back.

Plain blobs are proven by their block sums, encrypted ones by opening them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Iterator

from zotplus.domain import errors
from zotplus.domain.encryption.framing import FRAME_BYTES, Opener, plain_size, split_streams
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.chunk_sums import BLOCK_SIZE, ChunkSums
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import Snapshot
from zotplus.records import layout
from zotplus.records.objects import ObjectRecord, SliceRecord
from zotplus.services.content.hashing import open_run
from zotplus.services.encryption.content_keys import ContentKey
from zotplus.services.values import Slice

RUN_BYTES = 16 * FRAME_BYTES
"""Plaintext that is opened at a time: 1 MiB, so that handing over to a thread does not count."""


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


def encrypted_slices(record: ObjectRecord, key: ContentKey, start: int, length: int) -> tuple[Slice, ...]:
    """The runs of an encrypted object's blobs that hold ``length`` bytes from ``start``; each blob is one stream.

    Raises ``BLOB_CORRUPT`` where the record contradicts itself.
    """
    streams = _streams_of(record)
    found, position = [], 0
    for piece, stream in zip(record.slices, streams, strict=True):
        size = plain_size(piece.length)
        first, last = max(start - position, 0), min(start + length - position, size)
        if first < last:
            opener = key.opener(stream, size)
            found.append(Slice(digest=piece.digest.hex(), offset=first, length=last - first, opener=opener))
        position += size
    if position != record.size:
        raise Problem(errors.BLOB_CORRUPT, "The size of an encrypted object is not that of its content.")
    return tuple(found)


async def decrypted_inline(record: ObjectRecord, inline: bytes, key: ContentKey, place: tuple[int, int]) -> bytes:
    """(start, length) of an encrypted content that is kept in the record. Raises ``BLOB_CORRUPT``."""
    start, length = place
    if not record.size:
        return b""
    (stream,) = _streams_of(record)
    opener = key.opener(stream, record.size)
    if len(inline) != opener.stored_run(0, record.size)[1]:
        raise Problem(errors.BLOB_CORRUPT, "The encrypted content of an object is cut short.")
    offset, stored = opener.stored_run(start, start + length)
    return await open_run(opener, inline[offset : offset + stored], start, start + length)


def decrypted(
    blobs: Blobs, content: tuple[ObjectRecord, bytes], key: ContentKey, place: tuple[int, int]
) -> AsyncIterator[bytes]:
    """The plaintext (start, length) of an encrypted object: record and what is inlined with it.

    Raises ``BLOB_CORRUPT``, ``BLOB_MISSING``.
    """
    record, inline = content
    if record.slices:
        return read_slices(blobs, encrypted_slices(record, key, *place))
    return _once(decrypted_inline(record, inline, key, place))


async def _once(content: Awaitable[bytes]) -> AsyncIterator[bytes]:
    yield await content


def _streams_of(record: ObjectRecord) -> tuple[bytes, ...]:
    encryption = None if record.extras is None else record.extras.encryption
    streams = split_streams(b"" if encryption is None else encryption.detail)
    if len(streams) != max(1, len(record.slices)):
        raise Problem(errors.BLOB_CORRUPT, "An object's record does not name its encrypted streams.")
    return streams


async def read_slices(blobs: Blobs, slices: Iterable[Slice]) -> AsyncGenerator[bytes, None]:
    """The bytes of ``slices`` in order; whole blocks are read and checked before any byte of them is given.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    for piece in slices:
        async for chunk in _chunks(blobs, piece):
            yield chunk


def _chunks(blobs: Blobs, piece: Slice) -> AsyncIterator[bytes]:
    if piece.opener is not None:
        return _opened(blobs, piece, piece.opener)
    return _checked(blobs, piece) if piece.sums else blobs.read(piece.digest, piece.offset, piece.length)


async def _opened(blobs: Blobs, piece: Slice, opener: Opener) -> AsyncIterator[bytes]:
    for start, stop in runs(piece):
        offset, length = opener.stored_run(start, stop)
        sealed = b"".join([chunk async for chunk in blobs.read(piece.digest, offset, length)])
        yield await open_run(opener, sealed, start, stop)


def runs(piece: Slice, most: int = RUN_BYTES) -> Iterator[tuple[int, int]]:
    """The slice in runs (start, stop) of at most ``most`` bytes, cut between frames, to be opened one at a time."""
    start, end = piece.offset, piece.offset + piece.length
    while start < end:
        stop = min(end, start - start % FRAME_BYTES + most)
        yield start, stop
        start = stop


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
