"""Checksums of objects: the algorithms of the S3 API, running, composed of parts, and as text.

Spec: Amazon S3 User Guide, "Checking object integrity in Amazon S3" and "Using part-level checksums for multipart
uploads".
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from awscrt.checksums import XXHash

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.integrity.crc import CRC32, CRC32C, CRC64NVME, Buffer, Crc


class ChecksumType(StrEnum):
    """What the checksum of a multipart object covers: its parts' checksums, or its bytes."""

    COMPOSITE = "COMPOSITE"
    FULL_OBJECT = "FULL_OBJECT"


class ChecksumAlgorithm(StrEnum):
    """An algorithm by its name in the API."""

    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    MD5 = "MD5"
    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"
    XXHASH128 = "XXHASH128"
    XXHASH3 = "XXHASH3"
    XXHASH64 = "XXHASH64"

    @property
    def header(self) -> str:
        """The header or trailer that carries a value, lower-case."""
        return f"x-amz-checksum-{self.value.lower()}"

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return _SIZES[self]

    @property
    def default_type(self) -> ChecksumType:
        """The type of a multipart object that says nothing."""
        return ChecksumType.FULL_OBJECT if self is ChecksumAlgorithm.CRC64NVME else ChecksumType.COMPOSITE

    def supports(self, kind: ChecksumType) -> bool:
        """Whether multipart objects may have this type: CRC-64 is never composite, a hash never of the full object."""
        if kind is ChecksumType.COMPOSITE:
            return self is not ChecksumAlgorithm.CRC64NVME
        return self in _CRCS


_ECHO = 128  # characters of a client's value that a refusal repeats
_SIZES = {
    ChecksumAlgorithm.CRC32: 4,
    ChecksumAlgorithm.CRC32C: 4,
    ChecksumAlgorithm.CRC64NVME: 8,
    ChecksumAlgorithm.MD5: 16,
    ChecksumAlgorithm.SHA1: 20,
    ChecksumAlgorithm.SHA256: 32,
    ChecksumAlgorithm.SHA512: 64,
    ChecksumAlgorithm.XXHASH128: 16,
    ChecksumAlgorithm.XXHASH3: 8,
    ChecksumAlgorithm.XXHASH64: 8,
}
_CRCS: dict[ChecksumAlgorithm, Crc] = {
    ChecksumAlgorithm.CRC32: CRC32,
    ChecksumAlgorithm.CRC32C: CRC32C,
    ChecksumAlgorithm.CRC64NVME: CRC64NVME,
}


_XXHASHES: dict[ChecksumAlgorithm, Callable[[], XXHash]] = {
    ChecksumAlgorithm.XXHASH128: XXHash.new_xxhash3_128,
    ChecksumAlgorithm.XXHASH3: XXHash.new_xxhash3_64,
    ChecksumAlgorithm.XXHASH64: XXHash.new_xxhash64,
}


class RunningChecksum(Protocol):
    """A checksum under way."""

    def update(self, data: Buffer, /) -> None:
        """Go on with ``data``, which may be reused afterwards."""
        ...

    def digest(self) -> str:
        """The value so far, in base64 as the API has it."""
        ...


class _RunningCrc:
    __slots__ = ("_crc", "_value")

    def __init__(self, crc: Crc) -> None:
        self._crc = crc
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        self._value = self._crc.run(data, self._value)

    def digest(self) -> str:
        return _encode(self._value.to_bytes(self._crc.width // 8, "big"))


class _RunningHash:
    __slots__ = ("_hash",)

    def __init__(self, name: str) -> None:
        self._hash = hashlib.new(name, usedforsecurity=False)

    def update(self, data: Buffer, /) -> None:
        self._hash.update(data)

    def digest(self) -> str:
        return _encode(self._hash.digest())


class _RunningXxhash:
    __slots__ = ("_hash",)

    def __init__(self, new: Callable[[], XXHash]) -> None:
        self._hash = new()

    def update(self, data: Buffer, /) -> None:
        self._hash.update(bytes(data))  # it takes nothing that can change

    def digest(self) -> str:
        return _encode(self._hash.finalize())


def start(algorithm: ChecksumAlgorithm) -> RunningChecksum:
    """A checksum of nothing yet."""
    crc, xxhash = _CRCS.get(algorithm), _XXHASHES.get(algorithm)
    if crc is not None:
        return _RunningCrc(crc)
    return _RunningHash(algorithm.value.lower()) if xxhash is None else _RunningXxhash(xxhash)


def compute(algorithm: ChecksumAlgorithm, data: Buffer) -> str:
    """The value of ``data``, in base64."""
    running = start(algorithm)
    running.update(data)
    return running.digest()


def is_value(algorithm: ChecksumAlgorithm, text: str) -> bool:
    """Whether ``text`` is base64 of the algorithm's size."""
    return _decode(text, algorithm.size) is not None


def check(algorithm: ChecksumAlgorithm, expected: str, found: str) -> None:
    """Raises ``CHECKSUM_MISMATCH`` unless the values (base64, with the number of parts if composite) are equal.

    The client may leave the number of parts out.
    """
    if expected not in (found, found.partition("-")[0]):
        raise Problem(
            errors.CHECKSUM_MISMATCH,
            f"The {algorithm} you specified did not match the calculated checksum.",
            algorithm=algorithm.value,
        )


def composite(algorithm: ChecksumAlgorithm, values: Sequence[str]) -> str:
    """The checksum of the parts' checksums (base64), with their number: ``base64-N``."""
    raw = b"".join([_raw(algorithm, value) for value in values])
    return f"{compute(algorithm, raw)}-{len(values)}"


def full_object(algorithm: ChecksumAlgorithm, parts: Iterable[tuple[str, int]]) -> str:
    """The checksum of the joined parts, from the value (base64) and length in bytes of each; CRCs only."""
    crc = _CRCS[algorithm]
    whole = 0
    for value, length in parts:
        whole = crc.combine(whole, int.from_bytes(_raw(algorithm, value), "big"), length)
    return _encode(whole.to_bytes(algorithm.size, "big"))


def multipart_etag(md5s: Sequence[bytes]) -> str:
    """The ETag of a multipart object, without quotes, from the MD5 (16 bytes) of every part."""
    return f"{hashlib.md5(b''.join(md5s), usedforsecurity=False).hexdigest()}-{len(md5s)}"


def parse_content_md5(text: str) -> bytes:
    """The 16 bytes of a ``Content-MD5`` header; bits behind them do not count, as at Amazon.

    Raises ``DIGEST_MALFORMED``.
    """
    raw = _decode(text, 16, canonical=False)
    if raw is None:
        raise Problem(
            errors.DIGEST_MALFORMED, "The Content-MD5 you specified is not valid.", **{"Content-MD5": text[:_ECHO]}
        )
    return raw


def _raw(algorithm: ChecksumAlgorithm, value: str) -> bytes:
    raw = _decode(value, algorithm.size)
    if raw is None:
        raise ValueError(f"no {algorithm} value")  # stored values were checked when they came in
    return raw


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str, size: int, *, canonical: bool = True) -> bytes | None:
    """The bytes of base64 of exactly ``size`` bytes, and of one spelling only where it is ``canonical``; else None."""
    if len(text) != (size + 2) // 3 * 4:
        return None
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return raw if len(raw) == size and (not canonical or _encode(raw) == text) else None
