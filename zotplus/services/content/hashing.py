"""Hashing content as it arrives: MD5 for the ETag, SHA-256 for the address, checksums, block sums.

MD5 takes about 330 MiB/s of a core and SHA-256 700, so for large content both run in threads of their own, side by side
and beside the reading of what comes next; hashlib releases the interpreter's lock above 2,047 bytes.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor

from zotplus.domain.encryption.framing import Opener, Sealer
from zotplus.domain.integrity.checksums import ChecksumAlgorithm, start
from zotplus.domain.integrity.chunk_sums import ChunkSums

# Below this a thread's hand-over costs more than it wins.
THREAD_FROM = 65_536

# Up to here hashlib keeps the interpreter's lock; to let go of it for a few microseconds can mean to wait much longer.
_UNSHARED = 2_047

# Two digests for each of a few uploads at a time; more threads than cores would only take turns.
_THREADS = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="hash")


async def seal(sealer: Sealer, data: bytes, *, is_last: bool = False) -> bytes:
    """``data`` encrypted, in a thread where that pays; what ``sealer`` still holds too when it ``is_last``."""
    if len(data) < THREAD_FROM:
        return _seal(sealer, data, is_last)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _seal, sealer, data, is_last)


def _seal(sealer: Sealer, data: bytes, is_last: bool) -> bytes:  # noqa: FBT001 - an executor passes no names
    sealed = sealer.update(data)
    return sealed + sealer.finish() if is_last else sealed


async def open_run(opener: Opener, sealed: bytes, start: int, stop: int) -> bytes:
    """The bytes ``start`` to ``stop`` of an encrypted stream, authenticated; in a thread where that pays."""
    if len(sealed) < THREAD_FROM:
        return b"".join(opener.open_run(sealed, start, stop))
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _open, opener, sealed, start, stop)


def _open(opener: Opener, sealed: bytes, start: int, stop: int) -> bytes:
    return b"".join(opener.open_run(sealed, start, stop))


async def sum_up(algorithm: ChecksumAlgorithm, chunks: AsyncIterator[bytes]) -> str:
    """The checksum (base64) of content that is being read, in a thread beside the loop."""
    running, loop = start(algorithm), asyncio.get_running_loop()
    async for chunk in chunks:
        await loop.run_in_executor(_THREADS, running.update, chunk)
    return running.digest()


class Hashing:
    """The digests of one content: the checksums of ``algorithms``, and where wanted MD5, SHA-256 and block sums."""

    def __init__(self, algorithms: Iterable[ChecksumAlgorithm], *, with_sha256: bool, with_md5: bool = True) -> None:
        # MD5 is S3's ETag, not a protection: the client's checksum and SHA-256 are.
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._sha256 = hashlib.sha256() if with_sha256 else None
        self._sums = ChunkSums()
        self._checksums = {algorithm: start(algorithm) for algorithm in algorithms}

    async def update(self, data: bytes) -> None:
        """Take ``data`` in, in threads where that pays. Calls must not overlap."""
        if len(data) < THREAD_FROM:
            self.update_now(data)
            return
        loop = asyncio.get_running_loop()
        others = loop.run_in_executor(_THREADS, self._update_others, data)
        if self._md5 is None:
            await others
        else:
            await asyncio.gather(loop.run_in_executor(_THREADS, self._md5.update, data), others)

    def update_now(self, data: bytes) -> None:
        """Take ``data`` in at once."""
        if self._md5 is not None:
            view = memoryview(data)
            for start in range(0, len(data), _UNSHARED):
                self._md5.update(view[start : start + _UNSHARED])
        self._update_others(data)

    def _update_others(self, data: bytes) -> None:
        if self._sha256 is not None:
            self._sha256.update(data)
            self._sums.update(data)
        for checksum in self._checksums.values():
            checksum.update(data)

    @property
    def md5(self) -> str:
        """MD5 in hexadecimal; empty when it was not asked for."""
        return self._md5.hexdigest() if self._md5 is not None else ""

    @property
    def sha256(self) -> bytes:
        """SHA-256; empty when it was not asked for."""
        return self._sha256.digest() if self._sha256 is not None else b""

    @property
    def sums(self) -> bytes:
        """Block sums, ``ChunkSums.to_bytes``; of use only beside SHA-256."""
        return self._sums.to_bytes()

    def checksums(self) -> dict[str, str]:
        """Name of the algorithm -> base64 value."""
        return {algorithm.value: checksum.digest() for algorithm, checksum in self._checksums.items()}
