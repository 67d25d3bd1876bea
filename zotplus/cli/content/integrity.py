"""Digests of local content, to announce what is sent and to check what has come."""

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping

import msgspec
from awscrt import checksums

from zotplus.cli import faults
from zotplus.domain.errors import Problem

BLOCK = 1_048_576
"""Bytes read at a time: large enough that hashing, not reading, is what takes the time."""
_is_md5 = re.compile(r"[0-9a-f]{32}").fullmatch
_CRC_BYTES = {"crc64nvme": 8, "crc32c": 4, "crc32": 4}
_CRC: dict[str, Callable[[bytes, int], int]] = {
    "crc64nvme": checksums.crc64nvme,
    "crc32c": checksums.crc32c,
    "crc32": checksums.crc32,
}
# The strongest first.
_KNOWN = ("sha256", "sha1", "crc64nvme", "crc32c", "crc32")


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of a file amounts to: ``sha256`` hexadecimal for the signature, ``crc64nvme`` base64 to be kept."""

    sha256: str
    crc64nvme: str


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says of an object. ``algorithm`` is empty when only the size can be checked."""

    size: int
    etag: str
    algorithm: str = ""
    value: str = ""


def blocks(descriptor: int, offset: int, length: int) -> Iterator[bytes]:
    """The run of an open file, block by block. Raises ``FILE_CHANGED`` when the file has become shorter."""
    end = offset + length
    while offset < end:
        block = os.pread(descriptor, min(BLOCK, end - offset), offset)
        if not block:
            raise Problem(faults.FILE_CHANGED)
        yield block
        offset += len(block)


def sums(descriptor: int, offset: int, length: int) -> Sums:
    """Both digests of a run, in one pass."""
    digest, crc = hashlib.sha256(), 0
    for block in blocks(descriptor, offset, length):
        digest.update(block)
        crc = checksums.crc64nvme(block, crc)
    return Sums(sha256=digest.hexdigest(), crc64nvme=_base64(crc.to_bytes(8, "big")))


def announced(headers: Mapping[str, str]) -> Announced:
    """What the answer to HEAD promises. Raises ``ANSWER_UNEXPECTED`` without size or ETag."""
    length, etag = headers.get("Content-Length", ""), headers.get("ETag", "")
    if not length.isdecimal() or not etag:
        raise Problem(faults.ANSWER_UNEXPECTED, "The server tells neither size nor ETag of the object.")
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT":
        for algorithm in _KNOWN:
            value = headers.get(f"x-amz-checksum-{algorithm}", "")
            if value and "-" not in value:  # "…-3" is a checksum of three parts' checksums
                return Announced(size=int(length), etag=etag, algorithm=algorithm, value=value)
    plain = etag.strip('"')
    if _is_md5(plain):
        return Announced(size=int(length), etag=etag, algorithm="md5", value=_base64(bytes.fromhex(plain)))
    return Announced(size=int(length), etag=etag)


def check(descriptor: int, expected: Announced) -> None:
    """Raises ``DOWNLOAD_DAMAGED`` unless the open file is what was announced."""
    size = os.fstat(descriptor).st_size
    if size != expected.size:
        raise Problem(faults.DOWNLOAD_DAMAGED, f"{size} bytes came, {expected.size} were announced.")
    if expected.algorithm and _digest(descriptor, expected) != expected.value:
        raise Problem(faults.DOWNLOAD_DAMAGED, f"The {expected.algorithm} checksum differs.")


def _digest(descriptor: int, expected: Announced) -> str:
    if expected.algorithm in _CRC:
        update, crc = _CRC[expected.algorithm], 0
        for block in blocks(descriptor, 0, expected.size):
            crc = update(block, crc)
        return _base64(crc.to_bytes(_CRC_BYTES[expected.algorithm], "big"))
    digest = hashlib.new(expected.algorithm, usedforsecurity=False)
    for block in blocks(descriptor, 0, expected.size):
        digest.update(block)
    return _base64(digest.digest())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
