"""Group commit: one thread runs all changes that are waiting in one LMDB transaction and syncs once for all of them.

Functions are isolated without nested transactions, each of which would cost two megabytes of page list. A function
that fails before it has changed anything fails alone. One that fails later has left its changes in the common
transaction, so that is aborted, the others run again, and the failed one runs at last in a transaction of its own:
what it reports then is true of a state that really existed. So the price of a late failure is a second run; check
before you change.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import lmdb

from zotplus.adapters.keyvalue_lmdb.engine import Engine, Room
from zotplus.adapters.keyvalue_lmdb.faults import problem
from zotplus.adapters.keyvalue_lmdb.gathering import Gathering
from zotplus.adapters.keyvalue_lmdb.transactions import FreeingTransaction, LmdbTransaction
from zotplus.domain import errors, failpoints
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Transaction

_LINGER_SHARE = 8  # a batch waits for more jobs for at most this part of the time that the last commit took
_LINGER_MAX_SECONDS = 0.001  # and never longer than a request's own handling takes
_ALONE = 2  # the sum of the last two batches when one caller writes one thing after the other


CommitObserver: TypeAlias = Callable[[int, float], None]
"""Told about each durable commit, in the committing thread: how many changes, seconds. It must not raise."""


class Job:
    """A change on its way: its function, who waits for it, and how it ended."""

    __slots__ = ("effects", "error", "function", "future", "loop", "result")

    def __init__(self, function: Callable[[Transaction], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None
        self.effects: list[Callable[[], None]] = []

    def run(self, transaction: LmdbTransaction) -> bool:
        """Run the function; False when it failed and has left changes behind."""
        self.result, self.error, self.effects = None, None, transaction.effects
        try:
            self.result = self.function(transaction)
            transaction.conclude()
        except (lmdb.MapFullError, lmdb.TxnFullError):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this thread
            self.error = problem(error) if isinstance(error, lmdb.Error) else error
            return not (transaction.changed or isinstance(error, lmdb.Error))
        return True

    def settle(self) -> None:
        """Tell the caller, in the caller's loop: effects first, then the result."""
        if self.error is None:
            for effect in self.effects:
                self._run_effect(effect)
        if self.future.done():  # the caller was cancelled; the change stands
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # a future does not take it
            self.future.set_exception(RuntimeError("the function raised StopIteration"))
        else:
            self.future.set_exception(self.error)

    def _run_effect(self, effect: Callable[[], None]) -> None:
        try:
            effect()
        except Exception as error:  # noqa: BLE001 - the change is made; it must not look failed
            self.loop.call_exception_handler({"message": "on_commit failed", "exception": error})


class GroupCommit:
    """The committing thread of a process and its queue."""

    def __init__(
        self, engine: Engine, *, batch_limit: int, key_chunk: int, on_commit: CommitObserver | None = None
    ) -> None:
        self._engine = engine
        self._on_commit = on_commit
        self._batch_limit = batch_limit
        self._key_chunk = key_chunk
        self._jobs: Gathering[Job] = Gathering(batch_limit)
        self._recent = (1, 1)  # how many jobs the last two batches had
        self._commit_seconds = 0.0
        self._thread = threading.Thread(target=self._serve, name="keyvalue-commit", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Add ``job`` to the next batch."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was submitted and end the thread; blocks until then."""
        self._jobs.close()
        self._thread.join()

    def _serve(self) -> None:
        while batch := self._take():
            began = time.monotonic()
            try:
                self._commit(batch)
            except BaseException as error:  # noqa: BLE001 - this thread must outlive every fault, or all writes hang
                for job in batch:
                    job.error = job.error or Problem(errors.STORAGE_FAILED, engine=repr(error))
            self._recent = (self._recent[1], len(batch))
            self._commit_seconds = time.monotonic() - began
            _announce(batch)

    def _take(self) -> list[Job]:
        """Wait for a job, take what else is waiting or about to come; empty when the end has come.

        Those whose writes were just acknowledged mostly come back with the next. Without waiting for them, callers fall
        into two groups that wait for each other's commits, each of half the size: half as many writes a second.
        """
        expected = min(sum(self._recent), self._batch_limit)
        linger = min(self._commit_seconds / _LINGER_SHARE, _LINGER_MAX_SECONDS)
        return self._jobs.take(expected if expected > _ALONE else 1, linger)

    def _commit(self, jobs: list[Job], *, freeing: bool = False) -> None:
        """Make all of ``jobs`` durable, or give them an error. With ``freeing`` only those that need no room pass."""
        late_failures: list[Job] = []
        pending = jobs
        while pending:
            try:
                failed = self._attempt(pending, freeing=freeing)
            except (lmdb.Error, OSError) as error:
                if isinstance(error, lmdb.MapFullError) and self._engine.grow_map():
                    continue
                if self._engine.is_full(error) and not freeing:
                    freeing = True
                    continue
                self._divide(pending, error, freeing=freeing)
                break
            if failed is None:
                break
            if len(pending) > 1:
                late_failures.append(failed)
            pending = [job for job in pending if job is not failed]
        for job in late_failures:
            self._commit([job], freeing=freeing)

    def _divide(self, jobs: list[Job], error: Exception, *, freeing: bool) -> None:
        """After a failure of the whole transaction: each job alone, so that only the one which is too large fails."""
        if len(jobs) > 1 and (self._engine.is_full(error) or isinstance(error, lmdb.TxnFullError)):
            for job in jobs:
                self._commit([job], freeing=freeing)
            return
        for job in jobs:
            job.error = problem(error)

    def _attempt(self, jobs: list[Job], *, freeing: bool) -> Job | None:
        """Run ``jobs`` in one transaction and commit it; or abort it and return the job that spoiled it."""
        began = time.monotonic()
        with self._engine.begin_write() as transaction:
            room = self._engine.room(transaction)
            if room is Room.MAP_NEARLY_FULL:
                raise lmdb.MapFullError("the reserve is reached")
            kind = FreeingTransaction if freeing or room is Room.EXHAUSTED else LmdbTransaction
            for job in jobs:
                if not job.run(kind(transaction, self._engine.overflow, self._key_chunk)):
                    return job
            failpoints.hit("keyvalue.before_commit")
            transaction.commit()
            failpoints.hit("keyvalue.after_commit")
        if self._on_commit is not None:
            self._on_commit(len(jobs), time.monotonic() - began)
        return None


def _announce(jobs: list[Job]) -> None:
    """Settle ``jobs`` in their loops, waking each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, its_jobs in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, its_jobs)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
