"""The blob port over files."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from zotplus.adapters.blobs_fs.faults import problem
from zotplus.adapters.blobs_fs.layout import FILE_MODE, Layout, locked_folder, sync_folder
from zotplus.adapters.blobs_fs.settings import FilesystemBlobsSettings
from zotplus.adapters.blobs_fs.writing import FilesystemBlobWriter, SizeObserver, run_in
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import CHUNK_BYTES, BlobInfo, require_digest

T = TypeVar("T")

_DIRECT_BYTES = 128 * 1024  # up to this a read from the page cache is quicker than the way to a thread


class BlobsFilesystem:
    """See ``ports.blobs.Blobs`` and ``SupportsLocalPath``. Opened at its first use, after the worker was forked.

    ``on_read`` is told, in the event loop, how many bytes a read delivered; ``on_write`` the size of each blob that was
    committed.
    """

    def __init__(
        self,
        settings: FilesystemBlobsSettings,
        *,
        on_read: SizeObserver | None = None,
        on_write: SizeObserver | None = None,
    ) -> None:
        self._settings = settings
        self._on_read = on_read
        self._on_write = on_write
        self._sync = settings.fsync == "always"
        self._layout = Layout(settings.path)
        self._opening = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._closed = False

    def _open(self) -> ThreadPoolExecutor:
        if self._executor is not None:
            return self._executor
        with self._opening:
            if self._closed:
                raise Problem(errors.SHUTTING_DOWN)
            if self._executor is None:
                try:
                    self._layout.prepare(sync=self._sync)
                except OSError as error:
                    raise problem(error) from error
                self._executor = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="blobs")
        return self._executor

    async def _in_thread(self, function: Callable[[], T]) -> T:
        """Run ``function`` in a thread; its ``OSError`` comes out as a problem."""
        try:
            return await run_in(self._open(), function)
        except OSError as error:
            raise problem(error) from error

    def local_path(self, digest: str) -> str:
        """Where ``digest`` would be."""
        return self._layout.path(digest)

    async def create(self) -> FilesystemBlobWriter:
        """Begin a blob."""
        return FilesystemBlobWriter(self._layout, self._open(), sync=self._sync, on_commit=self._on_write)

    async def read(self, digest: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from ``offset`` in chunks."""
        executor = self._open()
        descriptor = self._open_blob(digest)
        start = offset
        try:
            size = os.fstat(descriptor).st_size
            stop = size if length is None else offset + length
            if max(offset, stop) > size:
                raise Problem(errors.BLOB_MISSING, "The stored content is shorter than recorded.", digest=digest)
            while offset < stop:
                wanted = min(CHUNK_BYTES, stop - offset)
                if wanted <= _DIRECT_BYTES:
                    chunk = os.pread(descriptor, wanted, offset)
                else:
                    chunk = await run_in(executor, partial(os.pread, descriptor, wanted, offset))
                if not chunk:
                    raise Problem(errors.BLOB_MISSING, "The stored content was cut while it was read.", digest=digest)
                yield chunk
                offset += len(chunk)
        except OSError as error:
            raise problem(error) from error
        finally:
            os.close(descriptor)
            if self._on_read is not None:
                self._on_read(offset - start)

    def _open_blob(self, digest: str) -> int:
        try:
            return os.open(self._layout.path(digest), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise Problem(errors.BLOB_MISSING, digest=digest) from error
        except OSError as error:
            raise problem(error) from error

    async def stat(self, digest: str) -> BlobInfo | None:
        """What is stored under ``digest``, or None."""
        path = self._layout.path(digest)
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - strings on purpose
        except FileNotFoundError:
            return None
        except OSError as error:
            raise problem(error) from error
        return BlobInfo(digest=digest, size=status.st_size, modified=status.st_mtime_ns / 1e9)

    async def delete(self, digest: str, *, unchanged_since: float) -> bool:
        """Remove ``digest`` unless it was committed after ``unchanged_since``."""
        require_digest(digest)
        return await self._in_thread(lambda: self._delete(digest, unchanged_since))

    def _delete(self, digest: str, unchanged_since: float) -> bool:
        path = self._layout.path(digest)
        with locked_folder(self._layout.shard(digest), exclusive=True) as folder:
            try:
                modified = os.stat(path, follow_symlinks=False).st_mtime_ns / 1e9  # noqa: PTH116 - strings on purpose
            except FileNotFoundError:
                return True
            if modified > unchanged_since:
                return False
            failpoints.hit("blobs.before_unlink")
            os.unlink(path)  # noqa: PTH108 - strings on purpose
            failpoints.hit("blobs.after_unlink")
            if self._sync:  # else the blob could come back after a crash when nothing remembers it
                os.fsync(folder)
        return True

    async def list(self) -> AsyncIterator[BlobInfo]:
        """All blobs, in order of their digest."""
        self._open()
        for shard in self._layout.shards():
            for info in await self._in_thread(partial(_blobs_in, shard)):
                yield info

    async def quarantine(self, digest: str) -> None:
        """Set a damaged blob aside."""
        require_digest(digest)
        await self._in_thread(lambda: self._quarantine(digest))

    def _quarantine(self, digest: str) -> None:
        with locked_folder(self._layout.shard(digest), exclusive=True) as folder:
            try:
                os.rename(self._layout.path(digest), self._layout.quarantined(digest))  # noqa: PTH104 - strings
            except FileNotFoundError:
                return
            if self._sync:
                sync_folder(self._layout.quarantine)
                os.fsync(folder)

    async def sweep(self, older_than: float) -> int:
        """Remove temporary files last touched before ``older_than``."""
        return await self._in_thread(lambda: _remove_older(self._layout.staging, older_than))

    async def check(self) -> None:
        """Write, sync and remove a small file."""
        await self._in_thread(self._check)

    def _check(self) -> None:
        path = f"{self._layout.staging}/check-{os.getpid()}-{threading.get_ident()}-{time.monotonic_ns()}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            os.write(descriptor, b"writable")
            if self._sync:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
            os.unlink(path)  # noqa: PTH108 - strings on purpose

    async def close(self) -> None:
        """Finish what runs and end the threads."""
        with self._opening:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown)


def _blobs_in(shard: str) -> list[BlobInfo]:
    """The blobs of one folder, in order; whatever else lies there is passed over."""
    found: list[BlobInfo] = []
    with os.scandir(shard) as entries:
        for entry in entries:
            with contextlib.suppress(Problem, FileNotFoundError):  # no blob's name, or deleted meanwhile
                status = entry.stat(follow_symlinks=False)
                name = require_digest(entry.name)
                found.append(BlobInfo(digest=name, size=status.st_size, modified=status.st_mtime_ns / 1e9))
    return sorted(found, key=lambda info: info.digest)


def _remove_older(folder: str, older_than: float) -> int:
    removed = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # its writer finished meanwhile
                if entry.stat(follow_symlinks=False).st_mtime < older_than:
                    os.unlink(entry.path)  # noqa: PTH108 - strings on purpose
                    removed += 1
    return removed
