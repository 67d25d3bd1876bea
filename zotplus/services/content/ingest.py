"""Taking content in: hashed while it arrives, checked against what was announced, durable before it is named.

Small content stays in memory and goes into the object's record. Larger content is streamed into a blob, a piece at a
time: one piece is hashed and written while the next arrives, so an upload of any size needs a few MiB. Content that is
to be encrypted is so before it is written or kept: digests are of what was sent, a blob's name is of what is stored.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Awaitable

import msgspec

from zotplus.domain import errors
from zotplus.domain.encryption.framing import Sealer
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.checksum_headers import check_trailer_value
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, check
from zotplus.ports.blobs import Blobs, BlobWriter, class_suffix, create_with
from zotplus.records.blobs import NewBlob
from zotplus.services.content.hashing import Hashing, seal
from zotplus.services.encryption.content_keys import ContentKey
from zotplus.services.values import Expected, Small, Source, Trailer

PIECE_BYTES = 1_048_576
"""Bytes hashed and written at a time: at least 256 KiB, or handing over to threads costs more than it wins."""
MAX_CONTENT_BYTES = 5 * 1024**3
"""Amazon S3 User Guide, "Uploading objects" and "Multipart upload limits": one request carries at most 5 GiB."""
DEFAULT_ALGORITHM = ChecksumAlgorithm.CRC64NVME
"""What Amazon computes and keeps where the client names none (S3 User Guide, "Checking object integrity")."""
ASSURED_SECONDS = 60.0
"""How long after its commit a blob is there without looking: far below the collector's least grace period."""

_ALGORITHM_BY_HEADER = {algorithm.header: algorithm for algorithm in ChecksumAlgorithm}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to take content in: up to ``inline_limit`` bytes stay in memory; ``algorithm`` is computed in any case.

    With a ``key`` the content becomes an encrypted stream, that of part ``number`` (0: of the whole). ``hides_digest``
    makes the ETag say nothing about the content, as Amazon's of SSE-KMS and SSE-C. What is not inline goes into the
    store of the ``storage_class``, where it has one.
    """

    inline_limit: int
    algorithm: ChecksumAlgorithm | None = None
    key: ContentKey | None = None
    number: int = 0
    hides_digest: bool = False
    storage_class: str = "STANDARD"


_PLAIN = Plan(inline_limit=0)


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """Content that was checked: either ``inline`` or in ``blob``, durable since ``committed`` (monotonic seconds).

    ``size`` is what was sent. ``etag`` is the content's MD5 in hexadecimal, or as many random digits; ``checksums`` is
    algorithm -> base64. ``stream`` is the id of the encrypted stream that ``inline`` or ``blob`` holds; it is empty for
    plain content and for no bytes at all.
    """

    size: int
    etag: str
    checksums: dict[str, str]
    inline: bytes = b""
    blob: NewBlob | None = None
    stream: bytes = b""
    committed: float = 0.0


class _Arriving:
    """The chunks of a source in pieces, counted against what was announced."""

    def __init__(self, source: Source) -> None:
        self._chunks = source.chunks
        expected = source.expected.size
        self._limit = MAX_CONTENT_BYTES if expected is None else expected
        self._is_announced = expected is not None
        self.size = 0

    async def read(self, wanted: int) -> bytes:
        """At least ``wanted`` bytes, or all that is left."""
        gathered: list[bytes] = []
        length = 0
        while length < wanted:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                break
            gathered.append(chunk)
            length += len(chunk)
            self._count(len(chunk))
        return gathered[0] if len(gathered) == 1 and type(gathered[0]) is bytes else b"".join(gathered)

    def _count(self, length: int) -> None:
        self.size += length
        if self.size <= self._limit:
            return
        if self._is_announced:
            raise Problem(errors.BODY_INCOMPLETE, "The body is longer than announced.")
        raise Problem(errors.ENTITY_TOO_LARGE, MaxSizeAllowed=self._limit)


async def ingest(blobs: Blobs, source: Source, plan: Plan) -> Ingested:
    """Take ``source`` in and check it against all that is expected of it.

    When this returns the content is durable; when it raises nothing is left but what the collector removes. Raises
    ``BODY_INCOMPLETE``, ``ENTITY_TOO_LARGE``, ``DIGEST_MISMATCH``, ``CONTENT_SHA256_MISMATCH``, ``CHECKSUM_MISMATCH``,
    ``BODY_CHUNK_INVALID`` (a trailer without the checksum that it should bring), ``STORAGE_FULL``, ``STORAGE_FAILED``.
    """
    expected = source.expected
    if expected.size is not None and expected.size > MAX_CONTENT_BYTES:
        raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=expected.size, MaxSizeAllowed=MAX_CONTENT_BYTES)
    asked = known_algorithm(expected.algorithm)
    algorithms = {asked or plan.algorithm or DEFAULT_ALGORITHM, plan.algorithm or asked or DEFAULT_ALGORITHM}
    arriving = _Arriving(source)
    head = await arriving.read(plan.inline_limit + 1)
    is_large = len(head) > plan.inline_limit
    hashing = Hashing(
        algorithms,
        with_sha256=expected.sha256 is not None or (is_large and plan.key is None),
        with_md5=expected.md5 is not None or not plan.hides_digest,
    )
    if is_large:
        return await _ingest_large(blobs, (source, arriving), (hashing, head), plan)
    content = _kept(head, hashing, source, plan)
    if plan.key is None or not head:
        return content
    sealer = plan.key.sealer(plan.number)
    sealed = await seal(sealer, head, is_last=True)
    return msgspec.structs.replace(content, inline=sealed, stream=sealer.stream)


def take_in(source: Small) -> Ingested:
    """As ``ingest``, without encryption, for content that is here and small enough to be kept in memory."""
    asked = known_algorithm(source.expected.algorithm)
    hashing = Hashing((asked or DEFAULT_ALGORITHM,), with_sha256=source.expected.sha256 is not None)
    return _kept(source.content, hashing, source, _PLAIN)


def _kept(content: bytes, hashing: Hashing, source: Source | Small, plan: Plan) -> Ingested:
    hashing.update_now(content)
    _verify(source, hashing, len(content))
    return Ingested(size=len(content), etag=_etag(plan, hashing), checksums=hashing.checksums(), inline=content)


def _etag(plan: Plan, hashing: Hashing) -> str:
    return secrets.token_hex(16) if plan.hides_digest else hashing.md5


def known_algorithm(name: str | None) -> ChecksumAlgorithm | None:
    """The algorithm of that name. Raises ``REQUEST_INVALID`` for one that does not exist."""
    try:
        return None if name is None else ChecksumAlgorithm(name)
    except ValueError as error:
        raise Problem(errors.REQUEST_INVALID, "The checksum algorithm is not known.") from error


async def assure_stored(blobs: Blobs, content: Ingested) -> None:
    """Make sure that a blob committed a while ago was not collected since. Raises ``SLOW_DOWN`` when it was."""
    if content.blob is None or time.monotonic() - content.committed < ASSURED_SECONDS:
        return
    if await blobs.stat(content.blob.digest.hex()) is None:
        raise Problem(errors.SLOW_DOWN, "The content waited too long to be recorded; send it again.")


async def _ingest_large(
    blobs: Blobs, coming: tuple[Source, _Arriving], begun: tuple[Hashing, bytes], plan: Plan
) -> Ingested:
    (source, arriving), (hashing, head) = coming, begun
    sealer = None if plan.key is None else plan.key.sealer(plan.number)
    suffix = class_suffix(blobs, plan.storage_class)
    writer = await create_with(blobs, suffix)
    landing = _Landing(hashing, writer, sealer)
    try:
        await _pump(arriving, head, landing)
        await landing.finish()
        _verify(source, hashing, arriving.size)
        blob = landing.blob(suffix)
        await writer.commit(blob.digest.hex())
    except BaseException:  # also when the request is cancelled: nothing may be left behind
        await writer.cancel()
        raise
    return Ingested(
        size=arriving.size,
        etag=_etag(plan, hashing),
        checksums=hashing.checksums(),
        blob=blob,
        stream=b"" if sealer is None else sealer.stream,
        committed=time.monotonic(),
    )


class _Landing:
    """Where pieces go: what was sent is hashed, and what is stored, which may be encrypted, is hashed and written."""

    def __init__(self, hashing: Hashing, writer: BlobWriter, sealer: Sealer | None) -> None:
        self._sent = hashing
        self._writer = writer
        self._sealer = sealer
        self._stored = hashing if sealer is None else Hashing((), with_sha256=True, with_md5=False)
        self._size = 0

    async def take(self, piece: bytes) -> None:
        """Hash and write side by side; whichever fails, all have ended when this returns."""
        if self._sealer is None:
            await _together(self._sent.update(piece), self._write(piece))
            return
        sealed = await seal(self._sealer, piece)
        await _together(self._sent.update(piece), self._stored.update(sealed), self._write(sealed))

    async def finish(self) -> None:
        """Nothing more comes."""
        if self._sealer is not None:
            sealed = await seal(self._sealer, b"", is_last=True)
            await _together(self._stored.update(sealed), self._write(sealed))

    def blob(self, suffix: bytes) -> NewBlob:
        """What is stored, in the store of the class that ``suffix`` names."""
        return NewBlob(digest=self._stored.sha256 + suffix, size=self._size, sums=self._stored.sums)

    async def _write(self, data: bytes) -> None:
        self._size += len(data)
        await self._writer.write(data)


async def _pump(arriving: _Arriving, head: bytes, landing: _Landing) -> None:
    """Hash and write one piece while the next arrives; never more than two are in memory."""
    piece = head + await arriving.read(PIECE_BYTES - len(head))
    while piece:
        absorbing = asyncio.ensure_future(landing.take(piece))
        try:
            piece = await arriving.read(PIECE_BYTES)
            await asyncio.wait((absorbing,))
        finally:
            if not absorbing.done():  # reading failed or was cancelled: a writer must not be cancelled under its write
                await asyncio.wait((absorbing,))
            absorbing.exception()
        absorbing.result()


async def _together(*works: Awaitable[None]) -> None:
    """Run them side by side; when this returns or raises, all have ended."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _verify(source: Source | Small, hashing: Hashing, size: int) -> None:
    expected = source.expected
    if expected.size is not None and size != expected.size:
        raise Problem(errors.BODY_INCOMPLETE, f"{size} of {expected.size} bytes arrived.")
    if expected.md5 is not None and hashing.md5 != expected.md5.lower():
        calculated = base64.b64encode(bytes.fromhex(hashing.md5)).decode()  # base64 here only, as Amazon
        raise Problem(errors.DIGEST_MISMATCH, CalculatedDigest=calculated, ExpectedDigest=expected.md5.lower())
    if expected.sha256 is not None and hashing.sha256.hex() != expected.sha256.lower():
        told = {"ClientComputedContentSHA256": expected.sha256, "S3ComputedContentSHA256": hashing.sha256.hex()}
        raise Problem(errors.CONTENT_SHA256_MISMATCH, **told)
    trailer = source.trailer if isinstance(source, Source) else None
    for algorithm, value in _expected_checksums(expected, trailer).items():
        check(algorithm, value, hashing.checksums()[algorithm.value])


def _expected_checksums(expected: Expected, trailer: Trailer | None) -> dict[ChecksumAlgorithm, str]:
    """Algorithm -> value, from the header and from behind the body. Only what was asked for beforehand is computed."""
    asked = known_algorithm(expected.algorithm)
    values = {} if asked is None or expected.checksum is None else {asked: expected.checksum}
    if trailer is None:
        return values
    for name, value in trailer.values.items():
        algorithm = _ALGORITHM_BY_HEADER.get(name)
        if algorithm is None:
            continue
        if algorithm is not asked:
            raise Problem(errors.BODY_CHUNK_INVALID, f"The trailer {name} was not announced.")
        check_trailer_value(algorithm, value)
        values[algorithm] = value
    if asked is not None and not values:
        raise Problem(errors.BODY_CHUNK_INVALID, f"The trailer does not bring the {asked} that was announced.")
    return values
