"""Translation of the file system's errors into the catalogue's."""

import errno

from zotplus.domain import errors
from zotplus.domain.errors import Problem

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # no space, over quota, over the process's file size limit


def problem(error: OSError) -> Problem:
    """The catalogue's word for a failed write, or for a failed read of something that must be there."""
    if error.errno in _FULL:
        return Problem(errors.STORAGE_FULL, "The blob store has no room.", engine=str(error.strerror))
    return Problem(errors.STORAGE_FAILED, "The blob store failed.", engine=str(error.strerror))
