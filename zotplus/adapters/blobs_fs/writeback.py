"""Having the kernel write to the disk early, beside what is still to come."""

import ctypes
from typing import Final

_WRITE: Final = 2  # SYNC_FILE_RANGE_WRITE: start, and wait for nothing (sync_file_range(2))
_LIBC = ctypes.CDLL(None)


def start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Start writing ``length`` bytes of a file from ``offset`` on, which have been written into the page cache.

    They stay there. Nothing is durable by this, and what fails is told by the ``fdatasync`` that follows.
    """
    _LIBC.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(length), _WRITE)
