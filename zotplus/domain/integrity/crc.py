"""Cyclic redundancy checks: running them, and joining those of two pieces without reading the pieces again.

All three are reflected CRCs whose register begins and ends inverted; only width and polynomial differ. Spec: RFC 1952
(CRC-32), RFC 3720 (CRC-32C), NVM Express NVM Command Set Specification section 5.2.1.3.4 (CRC-64).
"""

import zlib
from collections.abc import Callable
from functools import lru_cache

import msgspec
from awscrt import checksums

Buffer = bytes | bytearray | memoryview


class Crc(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of CRC: ``run(data, previous)`` goes on from a previous value, 0 at the start."""

    width: int  # bits
    polynomial: int  # reflected, without the leading term
    run: Callable[[Buffer, int], int]

    def combine(self, first: int, second: int, length: int) -> int:
        """The CRC of two pieces joined, from those of the pieces and the ``length`` of the second in bytes."""
        shift = _append_zeros(self.width, self.polynomial, length)
        return _multiply(self.polynomial, self.width, first, shift) ^ second


CRC32 = Crc(width=32, polynomial=0xEDB88320, run=zlib.crc32)
CRC32C = Crc(width=32, polynomial=0x82F63B78, run=checksums.crc32c)
CRC64NVME = Crc(width=64, polynomial=0x9A6C9329AC4BC9B5, run=checksums.crc64nvme)


@lru_cache(maxsize=128)  # the parts of an upload share their length
def _append_zeros(width: int, polynomial: int, length: int) -> int:
    """The factor that appending ``length`` zero bytes multiplies a CRC with: x to the power of eight times that."""
    factor = 1 << (width - 1)  # one
    square = factor >> 8  # x to the power of 8: one byte
    while length:
        if length & 1:
            factor = _multiply(polynomial, width, factor, square)
        square = _multiply(polynomial, width, square, square)
        length >>= 1
    return factor


def _multiply(polynomial: int, width: int, left: int, right: int) -> int:
    """The product of two polynomials over GF(2), reflected: the highest bit is the constant term."""
    product = 0
    bit = 1 << (width - 1)
    while bit:
        if left & bit:
            product ^= right
        right = (right >> 1) ^ (polynomial if right & 1 else 0)
        bit >>= 1
    return product
