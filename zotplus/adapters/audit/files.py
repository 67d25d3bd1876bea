"""The files of a stream: ``<audit folder>/<stream>/<number of the first record>.jsonl``, mode 0600.

Numbers have twenty digits, so that names sort as numbers do.
"""

import contextlib
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

from zotplus.domain.audit.records import CHECKPOINT_START

AUDIT_FOLDER = "audit"
"""Below the data folder."""
FOLDER_MODE = 0o700
FILE_MODE = 0o600
REMOVED_FILE = "removed.json"
STREAM = re.compile(r"[a-z]+(-[0-9]{1,4})?")
_FILE = re.compile(r"([0-9]{20})\.jsonl")


def name_of(first: int) -> str:
    """The name of the file whose first record has the number ``first``."""
    return f"{first:020d}.jsonl"


def streams(folder: Path) -> list[str]:
    """The streams that there are, by name."""
    if not folder.is_dir():
        return []
    return sorted(one.name for one in folder.iterdir() if STREAM.fullmatch(one.name) and one.is_dir())


def files_of(folder: Path) -> list[tuple[int, Path]]:
    """The files of the stream in ``folder`` with the number of their first record, oldest first."""
    if not folder.is_dir():
        return []
    found = [(match, one) for one in folder.iterdir() if (match := _FILE.fullmatch(one.name)) is not None]
    return sorted((int(match[1]), one) for match, one in found)


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """The content of ``path`` without reading it; nothing where it is empty or gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield b""
        return
    try:
        if os.fstat(descriptor).st_size == 0:
            yield b""
            return
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
            yield content
    finally:
        os.close(descriptor)


def whole_lines(content: mmap.mmap | bytes) -> Iterator[bytes]:
    """The lines of ``content`` without their ends; what is unfinished at the end is being written."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        yield content[start:end]
        start = end + 1


def last_checkpoint(content: mmap.mmap | bytes) -> tuple[int, int] | None:
    """Start and end (of the line, without its end) of the last whole checkpoint line; None where there is none."""
    finish = content.rfind(b"\n") + 1
    start = content.rfind(b"\n" + CHECKPOINT_START, 0, finish) + 1
    if start == 0 and content[: len(CHECKPOINT_START)] != CHECKPOINT_START:
        return None
    end = content.find(b"\n", start)
    return None if end < 0 else (start, end)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, content: bytes) -> None:
    """Make ``path`` hold ``content``, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    sync_folder(path.parent)
