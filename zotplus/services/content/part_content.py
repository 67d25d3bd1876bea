"""The content of a part: just taken in, or a run of another object's bytes, which are read once and not moved."""

from collections.abc import AsyncIterator

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import check_copy_source
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksums import ChecksumAlgorithm
from zotplus.domain.ranges import FromTo, resolve_copy_range
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.blobs import NewBlob
from zotplus.records.objects import SliceRecord
from zotplus.records.uploads import PartRecord
from zotplus.services.content.contents import cut_slices, read_slices, with_sums
from zotplus.services.content.hashing import Hashing
from zotplus.services.content.ingest import MAX_CONTENT_BYTES, Ingested, Plan, ingest
from zotplus.services.copying import require_source
from zotplus.services.values import PartSource, Slice, Source


class PartContent(msgspec.Struct, frozen=True, kw_only=True):
    """A part to be recorded. ``blob`` is one just committed; without it the slices are of blobs known already."""

    size: int
    etag: str
    checksums: dict[str, str]
    slices: tuple[SliceRecord, ...] = ()
    blob: NewBlob | None = None

    def record(self, modified_ms: int) -> PartRecord:
        """The part's record."""
        return PartRecord(
            size=self.size, etag=self.etag, modified_ms=modified_ms, checksums=self.checksums, slices=self.slices
        )


class CopySource(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes to copy: inline, or ``pieces``, which are the slices ready to be read."""

    inline: bytes
    slices: tuple[SliceRecord, ...]
    pieces: tuple[Slice, ...]


def ingested_part(content: Ingested) -> PartContent:
    """Content that was taken in, as a part; only an empty part has no blob."""
    blob = content.blob
    slices = () if blob is None else (SliceRecord(blob.digest, 0, blob.size),)
    return PartContent(size=content.size, etag=content.md5, checksums=content.checksums, slices=slices, blob=blob)


def find_copy_source(snapshot: Snapshot, source: PartSource) -> CopySource:
    """What to copy.

    Raises ``BUCKET_NOT_FOUND``, ``OBJECT_NOT_FOUND``, ``PRECONDITION_FAILED``, ``ARGUMENT_INVALID``,
    ``ENTITY_TOO_LARGE``.
    """
    found = require_source(snapshot, source.bucket, source.key, source.version)
    record, inline = found.record, found.inline
    check_copy_source(source.conditions, record.etag, record.modified_ms / 1000)
    start, length = 0, record.size
    if source.wanted is not None:
        first, last = source.wanted
        start, length = resolve_copy_range(FromTo(first=first, last=last), record.size)
    if length > MAX_CONTENT_BYTES:
        raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=length, MaxSizeAllowed=MAX_CONTENT_BYTES)
    slices = tuple(cut_slices(record.slices, start, length))
    return CopySource(inline=inline[start : start + length], slices=slices, pieces=with_sums(snapshot, slices))


async def copied_part(blobs: Blobs, source: CopySource, algorithm: ChecksumAlgorithm) -> PartContent:
    """The part that a copy makes. Inline bytes become a blob; others stay where they are.

    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    if not source.slices:
        plan = Plan(inline_limit=0, algorithm=algorithm)
        return ingested_part(await ingest(blobs, Source(chunks=_once(source.inline)), plan))
    hashing = Hashing((algorithm,), with_sha256=False)
    async for chunk in read_slices(blobs, source.pieces):
        await hashing.update(chunk)
    return PartContent(
        size=sum(piece.length for piece in source.slices),
        etag=hashing.md5,
        checksums=hashing.checksums(),
        slices=source.slices,
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
