"""Room on the disk that is set aside for a file: what must be written on a full disk has its place already.

Spec: fallocate(2), ``FALLOC_FL_KEEP_SIZE``; ``posix_fallocate`` would make the file longer.
"""

import ctypes
import os

RESERVE_BYTES = 4 << 20
"""Some 9,000 records: what is recorded while somebody deletes enough to have room again."""
REFILL_BYTES = 3 << 20
"""More is set aside when less than this is left."""
_KEEP_SIZE = 1

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = _libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class Reserve:
    """The room behind the end of one open file. Where the disk is full, or cannot do it, there is none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._end = 0

    def top_up(self, size: int) -> None:
        """Set room aside behind ``size`` bytes, when little is left of it."""
        if self._end - size >= REFILL_BYTES:
            return
        if _fallocate(self._descriptor, _KEEP_SIZE, size, RESERVE_BYTES) == 0:
            self._end = size + RESERVE_BYTES

    def give_back(self, size: int) -> None:
        """Let go of what is behind ``size`` bytes: nothing more is written to the file."""
        os.ftruncate(self._descriptor, size)
