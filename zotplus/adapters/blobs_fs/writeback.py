"""Having the kernel write to the disk early, beside what is still to come."""

import ctypes
import errno
import os
from typing import Final

_WRITE: Final = 2  # SYNC_FILE_RANGE_WRITE: start, and wait for nothing (sync_file_range(2))
_LIBC = ctypes.CDLL(None, use_errno=True)
_UNABLE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ESPIPE})


def start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Start writing ``length`` bytes of a file from ``offset`` on, which have been written into the page cache.

    They stay there, and nothing is durable by this. Where the file system cannot do so, nothing happens. Raises
    ``OSError`` where the disk takes no more.
    """
    if _LIBC.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(length), _WRITE) == 0:
        return
    fault = ctypes.get_errno()
    if fault not in _UNABLE:
        raise OSError(fault, os.strerror(fault))
