"""Bodies in the aws-chunked form, signed and not, as SDKs make them; and forged ones."""

import base64
import hashlib
import zlib

from tests.faces.s3.stage import ADMIN, Answer, Body, Call, Stage
from zotplus.domain.signatures.chunk_signatures import ChunkSeed
from zotplus.domain.signatures.payloads import EMPTY_SHA256
from zotplus.domain.signatures.sigv4 import SignedRequest, chunk_seed, parse_authorization
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.head import RequestHead

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
MODES = (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


class _Chain:
    def __init__(self, seed: ChunkSeed | None) -> None:
        self.seed = seed
        self.previous = seed.signature if seed is not None else ""

    def sign(self, kind: str, digests: str) -> str:
        assert self.seed is not None
        text = f"{kind}\n{self.seed.timestamp}\n{self.seed.scope}\n{self.previous}\n{digests}"
        self.previous = self.seed.key.sign(text)
        return self.previous


def encode(mode: str, data: bytes, seed: ChunkSeed | None, *, checksum: str = "", size: int = 8192) -> bytes:
    """``data`` in chunks of ``size``. ``checksum`` is the trailer's CRC32, the right one when empty."""
    chain = _Chain(seed)
    out = bytearray()
    for piece in [data[at : at + size] for at in range(0, len(data), size)] + [b""]:
        line = f"{len(piece):x}"
        if seed is not None:
            digest = hashlib.sha256(piece).hexdigest()
            line += f";chunk-signature={chain.sign('AWS4-HMAC-SHA256-PAYLOAD', f'{EMPTY_SHA256}{chr(10)}{digest}')}"
        out += line.encode() + b"\r\n" + (piece + b"\r\n" if piece else b"")
    if mode != SIGNED:
        field = f"x-amz-checksum-crc32:{checksum or crc32(data)}"
        out += field.encode() + b"\r\n"
        if seed is not None:
            digest = hashlib.sha256(f"{field}\n".encode()).hexdigest()
            out += f"x-amz-trailer-signature:{chain.sign('AWS4-HMAC-SHA256-TRAILER', digest)}\r\n".encode()
    return bytes(out + b"\r\n")


def head_of(stage: Stage, call: Call, mode: str, length: int) -> RequestHead:
    """The head of an aws-chunked upload of ``length`` bytes."""
    headers = {**call.headers, "x-amz-decoded-content-length": str(length), "Content-Encoding": "aws-chunked"}
    if mode != SIGNED:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    return stage.head(Call(**{**call.__dict__, "headers": headers, "payload": mode, "body": b""}))


def seed_of(head: RequestHead, user: SigningCredentials = ADMIN) -> ChunkSeed:
    """Where the chain of chunk signatures begins for the signed request ``head``."""
    request = SignedRequest(method=head.method, raw_path=head.raw_path, raw_query=head.raw_query, headers=head.headers)
    claim = parse_authorization(request)
    assert claim is not None
    return chunk_seed(claim, user.secret_key)


async def upload(stage: Stage, call: Call, mode: str, data: bytes, *, piece: int = 65_536) -> Answer:
    """Send ``data`` as an honest client would."""
    head = head_of(stage, call, mode, len(data))
    seed = None if mode == UNSIGNED_TRAILER else seed_of(head)
    return await stage.send(head, Body(encode(mode, data, seed), piece=piece))
