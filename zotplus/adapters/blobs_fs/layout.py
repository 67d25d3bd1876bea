"""Which files and folders there are, and the only place that makes a path out of a digest.

``blobs/sha256/ab/<digest>``: one folder per first byte, so that no folder holds more than a 256th of all names.
``staging/``: blobs under way. ``quarantine/``: damaged ones. Folders have mode 0700 and files 0600.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from zotplus.ports.blobs import require_digest

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_SHARDS = 256


class Layout:
    """The folders below ``root``."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self.staging = str(self._root / "staging")
        self.quarantine = str(self._root / "quarantine")
        self.blobs = str(self._root / "blobs" / "sha256")

    def path(self, digest: str) -> str:
        """Where the blob ``digest`` is. Raises ``DIGEST_MALFORMED``: nothing else ever becomes a path."""
        return f"{self.blobs}/{require_digest(digest)[:2]}/{digest}"

    def quarantined(self, digest: str) -> str:
        """Where the damaged blob ``digest`` is set aside."""
        return f"{self.quarantine}/{require_digest(digest)}"

    def shard(self, digest: str) -> str:
        """The folder of the blob ``digest``."""
        return f"{self.blobs}/{require_digest(digest)[:2]}"

    def shards(self) -> list[str]:
        """All folders of blobs, in order."""
        return [f"{self.blobs}/{number:02x}" for number in range(_SHARDS)]

    def prepare(self, *, sync: bool) -> None:
        """Make all folders and make them durable, so that a commit need only sync the folder that it renames into.

        Every process does it at its start: another may have made a folder and not have synced it yet.
        """
        made = [folder for folder in (self._root, *self._root.parents) if not folder.exists()]
        self._root.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (self.staging, self.quarantine, str(Path(self.blobs).parent), self.blobs):
            Path(folder).mkdir(FOLDER_MODE, exist_ok=True)
        present = set(os.listdir(self.blobs))  # noqa: PTH208 - names are wanted, not paths
        for shard in self.shards():
            if shard[-2:] not in present:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(shard, FOLDER_MODE)  # noqa: PTH102 - the path is a string on purpose
        if sync:
            above = [str(folder.parent) for folder in made]
            for folder in (self.blobs, str(Path(self.blobs).parent), str(self._root), *above):
                sync_folder(folder)
            with contextlib.suppress(PermissionError):  # a mount point's parent need not be ours to open
                sync_folder(str(self._root.parent))


def sync_folder(folder: str) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(folder: str, *, exclusive: bool) -> Iterator[int]:
    """The descriptor of ``folder``, locked against other threads and processes.

    Those who add a name share the lock, those who remove one have it alone. The kernel lets go of a dead process's.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)  # which unlocks


def unlock(descriptor: int) -> None:
    """Let go of the lock before the slow part."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
