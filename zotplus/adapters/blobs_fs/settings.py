"""What can be set about blobs in files, and why it is what it is."""

from typing import Annotated, Literal

import msgspec


class FilesystemBlobsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of ``blobs_fs``."""

    path: str
    """Folder of ``blobs/``, ``staging/`` and ``quarantine/``, made when missing. All three on one file system: a blob
    gets its name by a rename."""

    fsync: Literal["always", "off"] = "always"
    """``always``: a blob and its name are on disk before it is acknowledged. ``off``: the kernel decides when; a crash
    of the machine may leave acknowledged blobs empty or torn, so this is for tests and throw-away data."""

    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    """Threads of a worker for reading and writing files. They mostly wait for the disk; so many small blobs are synced
    at one time."""
