"""Places where a test may kill the process, to prove that a crash there loses nothing.

``ZOTPLUS_FAILPOINT=blobs.after_rename`` makes the process kill itself (SIGKILL: no handlers, no flushing) when it gets
there; ``blobs.after_rename:7`` when it gets there for the seventh time. Without the variable a hit is one comparison.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "ZOTPLUS_FAILPOINT"

FAILPOINTS: Final[dict[str, str]] = {
    "blobs.after_create": "the temporary file exists, empty",
    "blobs.after_write": "all content is in the temporary file, nothing is synced",
    "blobs.after_sync": "the content is durable under its temporary name",
    "blobs.after_rename": "the blob has its name, the folder is not synced",
    "blobs.after_folder_sync": "the blob is durable, its writer does not know yet",
    "blobs.before_unlink": "the blob to delete is judged and still there",
    "blobs.after_unlink": "the blob is unlinked, the folder is not synced",
    "keyvalue.before_commit": "all functions of the batch have run, nothing is written",
    "keyvalue.after_commit": "the batch is durable, its writers do not know yet",
    "keyvalue.before_grow": "the map is full and nothing has changed yet",
    "keyvalue.after_grow": "the map has its new size in this process only",
    "objects.put.before_metadata": "the content is durable, nothing refers to it",
    "objects.put.after_metadata": "the object is durable, its client does not know yet",
    "objects.copy.before_metadata": "nothing has changed",
    "objects.copy.after_metadata": "the copy is durable, its client does not know yet",
    "objects.delete.before_metadata": "nothing has changed",
    "objects.delete.after_metadata": "the object is gone, its blob is not, its client does not know yet",
    "multipart.part.before_metadata": "the part's content is durable, nothing refers to it",
    "multipart.part.after_metadata": "the part is durable, its client does not know yet",
    "multipart.complete.before_metadata": "the parts are there and no object",
    "versions.move.before_metadata": "a blob is durable in the store of another class, nothing refers to it there",
    "versions.move.after_metadata": "the record names the blob in its new store",
    "lifecycle.before_metadata": "nothing has changed",
    "lifecycle.after_metadata": "versions that were due are gone or hidden, nobody was told",
    "master_key.after_keyring": "the new key is in the file before the old one, nothing is sealed under it",
    "master_key.after_reseal": "everything is sealed under the new key, the old one is still in the file",
    "master_key.after_removal": "the old key is gone",
    "multipart.complete.after_metadata": "the object is durable and the parts are gone, its client does not know yet",
}
"""Name of every place -> what the disk holds there. Tests walk all of them."""


class _Armed:
    """Where to die and after how many hits; ``name`` is None in every process but a test's victim."""

    name: str | None = None
    remaining: int = 1


def arm(value: str | None) -> None:
    """Read ``name`` or ``name:count``; None or an empty string disarms. Raises ``ValueError`` for an unknown name."""
    name, _, count = (value or "").partition(":")
    if name and name not in FAILPOINTS:
        raise ValueError(f"there is no failpoint {name}")
    _Armed.name = name or None
    _Armed.remaining = int(count or 1)


def hit(name: str) -> None:
    """Die here when ``name`` is armed."""
    if _Armed.name is not None:
        _reached(name)


def _reached(name: str) -> None:
    if _Armed.name != name:
        return
    _Armed.remaining -= 1
    if _Armed.remaining <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get(VARIABLE))
