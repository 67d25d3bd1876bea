"""Translation of the engine's errors into the catalogue's."""

import errno
import os

import lmdb

from zotplus.domain import errors
from zotplus.domain.errors import Problem

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, over quota, over the process's file size limit: space can be freed or added."""

_FULL_TEXTS = tuple(os.strerror(number) for number in FULL)  # py-lmdb before 3.0 has no error number in its exceptions


def is_full(error: Exception) -> bool:
    """Whether ``error`` means that there is no room, in the map or on the disk."""
    if isinstance(error, lmdb.MapFullError | lmdb.DiskError):
        return True
    if isinstance(error, OSError):
        return error.errno in FULL
    return isinstance(error, lmdb.Error) and any(text in str(error) for text in _FULL_TEXTS)


def problem(error: Exception) -> Problem:
    """The catalogue's word for an engine error."""
    if is_full(error):
        return Problem(errors.STORAGE_FULL, "The metadata store has no room.", engine=str(error))
    return Problem(errors.STORAGE_FAILED, "The metadata store failed.", engine=str(error))
