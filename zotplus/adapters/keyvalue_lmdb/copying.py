"""The copying half of a backup, run as a program: ``python -I copying.py <folder of the store> <empty folder>``.

A process of its own has a map of its own, which may stay as it is for minutes while the servers' maps grow. It imports
nothing of the package. On failure it prints the engine's message and ends with 2 for a full disk, 1 otherwise.
"""

import errno
import os
import sys
from pathlib import Path

import lmdb

EXIT_FULL = 2


def copy(source: str, target: str) -> None:
    """Write a compacted, synced copy of the store in ``source`` into ``target``. Raises ``lmdb.Error``, ``OSError``."""
    environment = lmdb.open(source, map_size=0, max_dbs=2, readonly=True, create=False, readahead=True)
    try:
        environment.copy(target, compact=True)
    finally:
        environment.close()
    for path in (Path(target, "data.mdb"), Path(target)):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def main(arguments: list[str]) -> int:
    """Copy; the exit status."""
    source, target = arguments
    try:
        copy(source, target)
    except (lmdb.Error, OSError) as error:
        sys.stderr.write(str(error))
        full = any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        return EXIT_FULL if full else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
