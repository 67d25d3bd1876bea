"""The content of a part: just taken in, or a run of another object's bytes, which are read once and not moved.

Where the source or the upload is encrypted the bytes are written anew, as a stream under the upload's key.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.conditions import check_copy_source
from zotplus.domain.errors import Problem
from zotplus.domain.ranges import FromTo, resolve_copy_range
from zotplus.ports.blobs import Blobs
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.blobs import NewBlob
from zotplus.records.objects import EncryptionRecord, ObjectRecord, SliceRecord
from zotplus.records.uploads import PartRecord
from zotplus.services.content.contents import cut_slices, decrypted, read_slices, with_sums
from zotplus.services.content.hashing import Hashing
from zotplus.services.content.ingest import MAX_CONTENT_BYTES, Ingested, Plan, ingest
from zotplus.services.copying import once, require_source
from zotplus.services.encryption.content_keys import ContentKey
from zotplus.services.projections import encryption_of
from zotplus.services.values import PartSource, Slice, Source


class PartContent(msgspec.Struct, frozen=True, kw_only=True):
    """A part to be recorded. ``blob`` is one just committed; without it the slices are of blobs known already."""

    size: int
    etag: str
    checksums: dict[str, str]
    slices: tuple[SliceRecord, ...] = ()
    blob: NewBlob | None = None
    stream: bytes = b""

    def record(self, modified_ms: int) -> PartRecord:
        """The part's record."""
        return PartRecord(
            size=self.size,
            etag=self.etag,
            modified_ms=modified_ms,
            checksums=self.checksums,
            slices=self.slices,
            stream=self.stream,
        )


class CopySource(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes to copy, (start, length) of the source.

    Of a plain source ``inline`` and ``slices`` hold that run only, and ``pieces`` are the slices ready to be read.
    """

    record: ObjectRecord
    inline: bytes
    place: tuple[int, int]
    slices: tuple[SliceRecord, ...] = ()
    pieces: tuple[Slice, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes are copied."""
        return self.place[1]

    @property
    def encryption(self) -> EncryptionRecord | None:
        """How the source is encrypted."""
        return encryption_of(self.record)


def ingested_part(content: Ingested) -> PartContent:
    """Content that was taken in, as a part; only an empty part has no blob."""
    blob = content.blob
    slices = () if blob is None else (SliceRecord(blob.digest, 0, blob.size),)
    return PartContent(
        size=content.size,
        etag=content.etag,
        checksums=content.checksums,
        slices=slices,
        blob=blob,
        stream=content.stream,
    )


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
    if encryption_of(record) is not None:
        return CopySource(record=record, inline=inline, place=(start, length))
    slices = tuple(cut_slices(record.slices, start, length))
    return CopySource(
        record=record,
        inline=inline[start : start + length],
        place=(start, length),
        slices=slices,
        pieces=with_sums(snapshot, slices),
    )


async def copied_part(blobs: Blobs, source: CopySource, key: ContentKey | None, plan: Plan) -> PartContent:
    """The part that a copy makes; ``key`` opens an encrypted source, ``plan`` says how the part is to be stored.

    Inline and encrypted bytes become a blob, and so do all that are to be encrypted; others stay where they are.
    Raises ``BLOB_MISSING``, ``BLOB_CORRUPT``.
    """
    if key is not None:
        chunks = decrypted(blobs, (source.record, source.inline), key, source.place)
    elif plan.key is None and source.slices:
        return await _where_it_is(blobs, source, plan)
    else:
        chunks = read_slices(blobs, source.pieces) if source.slices else once(source.inline)
    return ingested_part(await ingest(blobs, Source(chunks=chunks), plan))


async def _where_it_is(blobs: Blobs, source: CopySource, plan: Plan) -> PartContent:
    hashing = Hashing(() if plan.algorithm is None else (plan.algorithm,), with_sha256=False)
    async for chunk in read_slices(blobs, source.pieces):
        await hashing.update(chunk)
    return PartContent(size=source.size, etag=hashing.md5, checksums=hashing.checksums(), slices=source.slices)
