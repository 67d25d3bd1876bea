"""A blob on its way into a file.

Data is gathered into pieces and written by a thread while the next piece arrives; a small blob needs one trip to a
thread in all. Nothing touches the disk before the first piece is full or the blob is committed.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeAlias, TypeVar

from zotplus.adapters.blobs_fs.faults import problem
from zotplus.adapters.blobs_fs.layout import FILE_MODE, Layout, locked_folder, unlock
from zotplus.adapters.blobs_fs.writeback import start_writeback
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import require_digest

T = TypeVar("T")

SizeObserver: TypeAlias = Callable[[int], None]
"""Told a number of bytes, in the event loop. It must not raise."""

PIECE_BYTES = 1024 * 1024
"""Written at a time. Going to a thread costs about 50 microseconds, writing this much into the page cache 300."""

WRITEBACK_BYTES = 4 * PIECE_BYTES
"""How much is written before the disk begins with it: otherwise it stands still until all has come, and the end of a
large upload waits for all of it (uploads of 64 MiB took a sixth longer)."""


def run_in(executor: Executor, function: Callable[[], T]) -> "asyncio.Future[T]":
    """Start ``function`` in a thread. Raises ``SHUTTING_DOWN`` when there are none any more."""
    try:
        return asyncio.get_running_loop().run_in_executor(executor, function)
    except RuntimeError as error:
        raise Problem(errors.SHUTTING_DOWN) from error


class FilesystemBlobWriter:
    """See ``ports.blobs.BlobWriter``. Used by one task at a time; at most two pieces are in memory."""

    def __init__(
        self, layout: Layout, executor: Executor, *, sync: bool, on_commit: SizeObserver | None = None
    ) -> None:
        self._on_commit = on_commit
        self._size = 0
        self._layout = layout
        self._executor = executor
        self._sync = sync
        self._temporary = f"{layout.staging}/{os.getpid()}-{secrets.token_hex(12)}"
        self._descriptor: int | None = None
        self._gathered = bytearray()
        self._written = self._started = 0  # bytes in the page cache, and those that are on their way to the disk
        self._writing: asyncio.Future[None] | None = None
        self._sealed = False
        self._finished = False

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``; waits only when the piece before the current one is still being written."""
        self._require_unfinished()
        self._size += len(data)
        # What nobody can change meanwhile needs no copy.
        whole = data if isinstance(data, bytes) and len(data) >= PIECE_BYTES and not self._gathered else None
        if whole is None:
            self._gathered += data
            if len(self._gathered) < PIECE_BYTES:
                return
        self._sealed = True  # until the piece is on its way: without it the content has a hole
        await self._settle()
        piece = whole or self._take_gathered()
        self._writing = run_in(self._executor, lambda: self._append(piece))
        self._sealed = False

    async def commit(self, digest: str) -> None:
        """Make the content durable and visible as ``digest``."""
        require_digest(digest)
        self._require_unfinished()
        self._sealed = True  # what fails from here on can only be cancelled: the content may have left this writer
        await self._settle()
        self._writing = run_in(self._executor, lambda: self._commit(digest))
        await self._settle()
        self._finished = True
        if self._on_commit is not None:
            self._on_commit(self._size)

    async def cancel(self) -> None:
        """Drop what was written."""
        if self._finished:
            return
        self._finished = True
        with contextlib.suppress(Problem):
            await self._settle()
        self._gathered = bytearray()
        if self._descriptor is not None:
            self._writing = run_in(self._executor, self._discard)
            await self._settle()

    def _require_unfinished(self) -> None:
        if self._sealed or self._finished:
            raise Problem(errors.STORAGE_FAILED, "The blob was committed or cancelled, or writing it failed.")

    def _take_gathered(self) -> bytearray:
        piece, self._gathered = self._gathered, bytearray()
        return piece

    async def _settle(self) -> None:
        """Wait for the thread. A caller that is cancelled meanwhile leaves it for ``cancel`` to wait for."""
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            self._writing = None
            raise problem(error) from error
        self._writing = None

    # What follows runs in a thread.

    def _append(self, piece: bytes | bytearray) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._temporary, flags, FILE_MODE)
            failpoints.hit("blobs.after_create")
        with memoryview(piece) as view:
            written = 0
            while written < len(view):
                written += os.write(self._descriptor, view[written:])
        self._written += written
        if self._sync and self._written - self._started >= WRITEBACK_BYTES:
            start_writeback(self._descriptor, self._started, self._written - self._started)
            self._started = self._written

    def _commit(self, digest: str) -> None:
        # 1. All content is in a temporary file on the file system of its final place.
        self._append(self._take_gathered())
        descriptor = self._descriptor
        if descriptor is None:  # never: _append has opened it
            raise OSError
        failpoints.hit("blobs.after_write")
        # 2. The content is durable before its name is: a crash leaves no name with other content.
        if self._sync:
            os.fdatasync(descriptor)
        failpoints.hit("blobs.after_sync")
        with locked_folder(self._layout.shard(digest), exclusive=False) as folder:
            # 3. It counts as committed from now, and no delete can come between this and the rename. The clock is the
            #    one that callers use: the kernel's own time stamps lag behind it by up to four milliseconds.
            now = time.time_ns()
            os.utime(descriptor, ns=(now, now))
            # 4. The name appears, or changes over to the equal content, in one step.
            os.rename(self._temporary, self._layout.path(digest))  # noqa: PTH104 - strings on purpose
            self._descriptor = None
            os.close(descriptor)
            unlock(folder)
            failpoints.hit("blobs.after_rename")
            # 5. The name is durable. The folders above were made durable when the store was opened.
            if self._sync:
                os.fsync(folder)
        failpoints.hit("blobs.after_folder_sync")

    def _discard(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with contextlib.suppress(OSError):  # the sweep finds what cannot be removed now
            os.unlink(self._temporary)  # noqa: PTH108 - strings on purpose
