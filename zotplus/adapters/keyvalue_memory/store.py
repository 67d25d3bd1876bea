"""The key-value port over memory. One lock excludes threads from each other; nothing is seen before it is let go."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from zotplus.adapters.keyvalue_memory.transactions import MemorySnapshot, MemoryTransaction, Pairs
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import Snapshot, Transaction

T = TypeVar("T")

BACKUP_FILE = "keyvalue.msgpack"
"""Name of the one file of a backup: the pairs in order, as a MessagePack array of arrays of two byte strings."""


class KeyValueMemory:
    """See ``ports.keyvalue.KeyValue``; it also reads immediately."""

    def __init__(self) -> None:
        self._pairs = Pairs()
        self._lock = threading.RLock()
        self._closed = False

    @classmethod
    def from_backup(cls, folder: str) -> "KeyValueMemory":
        """A store that holds what ``backup`` wrote into ``folder``."""
        store = cls()
        encoded = Path(folder, BACKUP_FILE).read_bytes()
        for key, value in msgspec.msgpack.decode(encoded, type=list[tuple[bytes, bytes]]):
            store._pairs.set(key, value)
        return store

    def read_now(self, function: Callable[[Snapshot], T]) -> T:
        """See ``ports.keyvalue.SupportsImmediateRead``."""
        self._require_open()
        with self._lock:
            snapshot = MemorySnapshot(self._pairs)
            try:
                return function(snapshot)
            finally:
                snapshot.end()

    async def read(self, function: Callable[[Snapshot], T]) -> T:
        """Run ``function`` over one consistent snapshot."""
        return self.read_now(function)

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` as one atomic change."""
        self._require_open()
        await asyncio.sleep(0)  # other tasks run before a change is made, as with every other engine
        with self._lock:
            transaction = MemoryTransaction(self._pairs)
            try:
                result = function(transaction)
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                transaction.end()
        _run(transaction.effects)
        return result

    async def check(self) -> None:
        """Raise when the store is closed; nothing else can be wrong."""
        self._require_open()

    async def backup(self, folder: str) -> None:
        """Write ``BACKUP_FILE`` into the empty ``folder``."""
        pairs = self.read_now(lambda snapshot: list(snapshot.scan(b"")))
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise Problem(errors.ARGUMENT_INVALID, "The backup folder is not empty.")
        (target / BACKUP_FILE).write_bytes(msgspec.msgpack.encode(pairs))

    async def close(self) -> None:
        """Take nothing more."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise Problem(errors.SHUTTING_DOWN)


def _run(effects: list[Callable[[], None]]) -> None:
    """Run effects of a change that is made: one that fails must not make the change look failed."""
    for effect in effects:
        try:
            effect()
        except Exception as error:  # noqa: BLE001 - reported where asyncio reports callbacks' faults
            asyncio.get_running_loop().call_exception_handler({"message": "on_commit failed", "exception": error})
