"""The key-value port over LMDB: the app's default for metadata, constructed before and opened after the fork."""

import asyncio
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import lmdb

from zotplus.adapters.keyvalue_lmdb import copying
from zotplus.adapters.keyvalue_lmdb.engine import Engine
from zotplus.adapters.keyvalue_lmdb.faults import problem
from zotplus.adapters.keyvalue_lmdb.overflow import KEY_CHUNK
from zotplus.adapters.keyvalue_lmdb.settings import LmdbSettings
from zotplus.adapters.keyvalue_lmdb.transactions import LmdbSnapshot
from zotplus.adapters.keyvalue_lmdb.writer import CommitObserver, GroupCommit, Job
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction

T = TypeVar("T")

_stores: "weakref.WeakSet[KeyValueLmdb]" = weakref.WeakSet()


class KeyValueLmdb:
    """See ``ports.keyvalue.KeyValue``, ``SupportsImmediateRead`` and ``SupportsMaintenance``.

    ``key_chunk`` belongs to the form of the stored data: a store must always be opened with the one it was made with;
    only tests use another than the default. ``on_commit`` is told about each commit.
    """

    def __init__(
        self, settings: LmdbSettings, *, key_chunk: int = KEY_CHUNK, on_commit: CommitObserver | None = None
    ) -> None:
        self._settings = settings
        self._on_commit = on_commit
        self._key_chunk = key_chunk
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._writer: GroupCommit | None = None
        self._inherited: tuple[Engine | None, GroupCommit | None] | None = None
        self._closed = False
        _stores.add(self)

    def _open(self) -> Engine:
        """Open the environment at its first use, in the process that uses it."""
        with self._opening:
            if self._inherited is not None:
                raise RuntimeError("the metadata store was opened before this process was forked; open it after")
            if self._closed:
                raise Problem(errors.SHUTTING_DOWN)
            if self._engine is None:
                try:
                    self._engine = Engine(self._settings)
                except (lmdb.Error, OSError) as error:
                    raise problem(error) from error
                self._writer = GroupCommit(
                    self._engine,
                    batch_limit=self._settings.batch_limit,
                    key_chunk=self._key_chunk,
                    on_commit=self._on_commit,
                )
            return self._engine

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of the parent's environment without closing it, which would break its locks."""
        self._opening = threading.Lock()
        if self._engine is not None:
            self._inherited = (self._engine, self._writer)
            self._engine = self._writer = None

    def read_now(self, function: Callable[[Snapshot], T]) -> T:
        """As ``read``, without a coroutine."""
        engine = self._engine or self._open()
        with engine.reading:
            try:
                transaction = engine.begin_read()
                try:
                    return function(LmdbSnapshot(transaction, engine.overflow, self._key_chunk))
                finally:
                    transaction.abort()
            except lmdb.Error as error:
                raise problem(error) from error

    async def read(self, function: Callable[[Snapshot], T]) -> T:
        """Run ``function`` over one consistent snapshot, at once: nothing in a read waits."""
        return self.read_now(function)

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` with the next group commit; return when that is durable."""
        self._engine or self._open()
        job = Job(function, asyncio.get_running_loop())
        with self._opening:  # so that no job gets in behind the stop of ``close``
            if self._writer is None:
                raise Problem(errors.SHUTTING_DOWN)
            self._writer.submit(job)
        result: T = await job.future
        return result

    async def check(self) -> None:
        """Prove that reading works and that the committing thread is alive and gets LMDB's write lock."""
        self.read_now(lambda snapshot: snapshot.get(b"\x00"))
        await self.write(lambda _transaction: None)

    async def maintain(self) -> int:
        """Free the reader slots of dead processes: they would keep old pages from being used again."""
        engine = self._engine or self._open()
        try:
            stale: int = engine.environment.reader_check()
        except lmdb.Error as error:
            raise problem(error) from error
        return stale

    async def backup(self, folder: str) -> None:
        """Write a compacted, synced copy into the empty ``folder``."""
        self._engine or self._open()
        target = Path(folder)
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(target.iterdir()):
                raise Problem(errors.ARGUMENT_INVALID, "The backup folder is not empty.")
        except OSError as error:
            raise problem(error) from error
        await asyncio.to_thread(_copy, self._settings.path, folder)

    async def close(self) -> None:
        """Finish the changes under way and release the environment."""
        with self._opening:
            self._closed = True
            engine, writer = self._engine, self._writer
            self._engine = self._writer = None
        if engine is not None and writer is not None:
            await asyncio.to_thread(writer.stop)
            engine.close()


def _copy(source: str, target: str) -> None:
    command = [sys.executable, "-I", copying.__file__, source, target]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - our own program
    if done.returncode:
        fault = errors.STORAGE_FULL if done.returncode == copying.EXIT_FULL else errors.STORAGE_FAILED
        raise Problem(fault, "The backup could not be written.", engine=done.stderr[-500:])


def _after_fork() -> None:
    for store in list(_stores):
        store._leave_to_parent()  # noqa: SLF001 - its own module


os.register_at_fork(after_in_child=_after_fork)
