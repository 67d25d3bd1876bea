"""What the head says about the body, and the body as the services take it.

``parse_incoming`` runs before authentication and refuses what the head alone shows to be wrong; ``open_source`` runs in
the handler, after authorisation, and is the first to touch the body (which is what answers ``Expect: 100-continue``).

Spec: Amazon S3 API Reference, PutObject; S3 User Guide, "Checking object integrity"; "Transferring payload in multiple
chunks".
"""

import hashlib
import re
from collections.abc import AsyncIterator

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity import checksums
from zotplus.domain.integrity.checksum_headers import announced_trailers, check_trailer_value, parse_checksum
from zotplus.domain.integrity.checksums import ChecksumAlgorithm
from zotplus.domain.signatures import payloads
from zotplus.domain.signatures.chunked import ChunkedDecoder
from zotplus.domain.signatures.payloads import PayloadMode, payload_mode
from zotplus.domain.signatures.sigv4 import chunk_seed
from zotplus.gateway.context import Context
from zotplus.protocols.s3.request import Request, argument_invalid
from zotplus.services.values import Expected, Source, Trailer

BODY_LIMIT = 5 * 1024**3
"""Bytes of one PUT or part (S3 User Guide, "Amazon S3 multipart upload limits")."""
_MAX_LENGTH_DIGITS = 19  # 2 ** 63 - 1
_is_number = re.compile(r"[0-9]+", re.ASCII).fullmatch


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A body that is still to come. ``size`` is its decoded length, None only where the operation can do without.

    ``mode`` None is an unsigned request that names no hash. ``checksum`` is empty where the value comes in ``trailer``.
    """

    mode: PayloadMode | None
    sha256: str | None
    size: int | None
    md5: str | None
    algorithm: ChecksumAlgorithm | None
    checksum: str | None
    announced: tuple[str, ...] = ()

    @property
    def is_chunked(self) -> bool:
        """Whether the body is aws-chunked."""
        return self.mode is not None and self.mode.is_chunked

    @property
    def is_vouched_for(self) -> bool:
        """Whether the content is compared with something that the client said of it: a hash, a checksum, signatures."""
        is_signed = self.mode is not None and self.mode.is_signed
        return is_signed or any(value is not None for value in (self.sha256, self.md5, self.algorithm))


def parse_incoming(request: Request, *, needs_length: bool = True, has_checksum: bool = True) -> Incoming:
    """Read every header about the body; ``has_checksum`` False where the checksum headers are about something else.

    Raises ``BODY_LENGTH_REQUIRED``, ``ENTITY_TOO_LARGE``, ``DIGEST_MALFORMED``, ``REQUEST_INVALID``,
    ``ARGUMENT_INVALID``.
    """
    hash_text = request.header(payloads.HEADER)
    mode = None if hash_text is None else payload_mode(hash_text)
    is_chunked = mode is not None and mode.is_chunked
    headers = request.head.headers
    announced = announced_trailers(headers)
    if announced and (mode is None or not mode.has_trailer):
        raise Problem(errors.REQUEST_INVALID, "x-amz-trailer needs a payload mode with trailer.")
    claim = parse_checksum(headers, composite=not has_checksum)
    if not has_checksum and claim is not None and claim.value is not None:
        claim = None  # a trailer is the body's in any case
    md5 = request.header("content-md5")
    return Incoming(
        mode=mode,
        sha256=hash_text.lower() if hash_text is not None and mode is PayloadMode.SHA256 else None,
        size=_size(request, is_chunked=is_chunked, needs_length=needs_length),
        md5=None if md5 is None else checksums.parse_content_md5(md5.strip()).hex(),
        algorithm=None if claim is None else claim.algorithm,
        checksum=None if claim is None else claim.value,
        announced=announced,
    )


def _size(request: Request, *, is_chunked: bool, needs_length: bool) -> int | None:
    name = "x-amz-decoded-content-length" if is_chunked else "content-length"
    text = request.header(name)
    if text is None:
        if needs_length or is_chunked:
            raise Problem(errors.BODY_LENGTH_REQUIRED, f"The header {name} is required.")
        return None
    if len(text) > _MAX_LENGTH_DIGITS or _is_number(text) is None:
        if is_chunked:
            raise Problem(errors.BODY_LENGTH_REQUIRED, f"The header {name} must be a number of bytes.")
        raise argument_invalid(name, text, f"{name} must be a number of bytes.")
    size = int(text)
    if size > BODY_LIMIT:
        raise Problem(errors.ENTITY_TOO_LARGE, ProposedSize=size, MaxSizeAllowed=BODY_LIMIT)
    return size


def open_source(context: Context, incoming: Incoming) -> Source:
    """The body as a source of decoded chunks; nothing is read before the first of them is asked for."""
    sha256 = incoming.sha256
    if context.claim is not None and sha256 is None and payload_mode(context.claim.payload_hash) is PayloadMode.SHA256:
        sha256 = context.claim.payload_hash.lower()  # a presigned request may carry the hash in its query
    expected = Expected(
        size=incoming.size,
        md5=incoming.md5,
        sha256=sha256,
        algorithm=None if incoming.algorithm is None else incoming.algorithm.value,
        checksum=incoming.checksum,
    )
    if not incoming.is_chunked:
        return Source(chunks=context.body.chunks(), expected=expected, by=context.actor, event=_event(context))
    trailer = Trailer()
    return Source(chunks=_decoded(context, incoming, trailer), expected=expected, trailer=trailer, by=context.actor)


def _decoder(context: Context, incoming: Incoming) -> ChunkedDecoder:
    mode = incoming.mode
    if mode is None or incoming.size is None:
        raise Problem(errors.BODY_LENGTH_REQUIRED)
    seed = None
    if mode.is_signed:
        if context.claim is None:
            raise Problem(errors.ACCESS_DENIED, "Only a signed request can have a signed body.")
        seed = chunk_seed(context.claim, context.secret)
    return ChunkedDecoder(length=incoming.size, seed=seed, announced=incoming.announced if mode.has_trailer else None)


def _event(context: Context) -> str:
    return "ObjectCreated:Post" if context.operation_name == "PostObject" else "ObjectCreated:Put"


async def _decoded(context: Context, incoming: Incoming, trailer: Trailer) -> AsyncIterator[bytes]:
    decoder = _decoder(context, incoming)
    async for data in context.body.chunks():
        for piece in decoder.feed(data):
            yield bytes(piece)
    # Raises before the service sees the end, so nothing becomes visible of a body that is not what it claims.
    trailer.values = dict(decoder.finish())
    if incoming.algorithm is not None and incoming.checksum is None:
        check_trailer_value(incoming.algorithm, trailer.values.get(incoming.algorithm.header, ""))


async def read_document(context: Context, incoming: Incoming, limit: int) -> bytes:
    """The whole body, checked against all that the head says about it; empty where there is none.

    Raises ``REQUEST_INVALID`` for one in chunks, ``BODY_TOO_LARGE``, ``BODY_INCOMPLETE``, ``CONTENT_SHA256_MISMATCH``,
    ``DIGEST_MISMATCH``, ``CHECKSUM_MISMATCH``.
    """
    if incoming.is_chunked:  # only content comes in chunks, which is what Amazon says of it
        raise Problem(errors.REQUEST_INVALID, "The value of x-amz-content-sha256 header is invalid.")
    if incoming.size is not None and incoming.size > limit:
        raise Problem(errors.BODY_TOO_LARGE, MaxMessageLengthBytes=limit)
    source = open_source(context, incoming)
    document = bytearray()
    async for data in source.chunks:
        document += data
        if len(document) > limit:
            raise Problem(errors.BODY_TOO_LARGE, MaxMessageLengthBytes=limit)
    _verify(document, incoming, source)
    return bytes(document)


def _verify(document: bytearray, incoming: Incoming, source: Source) -> None:
    expected = source.expected
    if expected.size is not None and len(document) != expected.size:
        raise Problem(errors.BODY_INCOMPLETE)
    if expected.sha256 is not None and expected.sha256 != (computed := hashlib.sha256(document).hexdigest()):
        told = {"ClientComputedContentSHA256": expected.sha256, "S3ComputedContentSHA256": computed}
        raise Problem(errors.CONTENT_SHA256_MISMATCH, **told)
    if expected.md5 is not None and hashlib.md5(document, usedforsecurity=False).hexdigest() != expected.md5:
        raise Problem(errors.DIGEST_MISMATCH)
    if incoming.algorithm is not None:
        trailer = source.trailer.values if source.trailer is not None else {}
        value = incoming.checksum or trailer.get(incoming.algorithm.header, "")
        checksums.check(incoming.algorithm, value, checksums.compute(incoming.algorithm, document))
