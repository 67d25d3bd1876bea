"""The port's snapshot and transaction over LMDB's.

Short keys, which are nearly all, go straight to the engine; what is longer than a chunk goes to ``overflow``.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import lmdb

from zotplus.adapters.keyvalue_lmdb.overflow import Overflow
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KEY_MAX_BYTES

if TYPE_CHECKING:
    Database = lmdb._Database  # noqa: SLF001 - the only name that py-lmdb gives to the type


class LmdbSnapshot:
    """See ``ports.keyvalue.Snapshot``."""

    __slots__ = ("_chunk", "_database", "_transaction")

    def __init__(self, transaction: "lmdb.Transaction[bytes]", database: "Database", chunk: int) -> None:
        self._transaction = transaction
        self._database = database
        self._chunk = chunk

    @property
    def version(self) -> int:
        """The number of the last change that is seen."""
        number: int = self._transaction.id()
        return number

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        if 0 < len(key) <= self._chunk:
            return self._transaction.get(key)
        return self._overflow().get(key) if key else None

    def scan(self, start: bytes, stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with ``start <= key < stop``, or the same in reverse."""
        if reverse:
            return self._overflow().backward(b"", b"", start, stop)
        return self._forward(start, stop)

    def _forward(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """As ``Overflow.forward``, but the engine's pairs are handed on as they are until a long key comes."""
        chunk = self._chunk
        if len(start) > chunk:
            yield from self._overflow().forward(b"", b"", start, stop)
            return
        cursor = self._transaction.cursor()
        if not (cursor.set_range(start) if start else cursor.first()):
            return
        for pair in cursor.iternext():
            key = pair[0]
            if stop is not None and key >= stop:
                return
            if len(key) > chunk:  # a link, and perhaps more of them
                yield from self._overflow().forward(b"", b"", key[:chunk] + b"\x00", stop)
                return
            yield pair

    def _overflow(self) -> Overflow:
        return Overflow(self._transaction, self._database, self._chunk)


class LmdbTransaction(LmdbSnapshot):
    """See ``ports.keyvalue.Transaction``.

    ``changed`` tells whether there is anything to take back when the function fails; ``broken`` is the engine error
    that made the whole LMDB transaction unusable, even if the function has swallowed it.
    """

    __slots__ = ("_long", "broken", "changed", "effects")

    def __init__(self, transaction: "lmdb.Transaction[bytes]", database: "Database", chunk: int) -> None:
        super().__init__(transaction, database, chunk)
        self.effects: list[Callable[[], None]] = []
        self.changed = False
        self.broken: lmdb.Error | None = None

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``."""
        size = len(key)
        if not 0 < size <= KEY_MAX_BYTES:
            raise ValueError(f"a key has 1 to {KEY_MAX_BYTES} bytes, not {size}")
        self.changed = True
        try:
            if size <= self._chunk:
                self._transaction.put(key, value)
            else:
                self._overflow().put(key, value)
        except lmdb.Error as error:
            self.broken = error
            raise

    def delete(self, key: bytes) -> bool:
        """Remove ``key``; whether it was there."""
        if not key:
            return False
        self.changed = True
        try:
            if len(key) <= self._chunk:
                return self._transaction.delete(key)
            return self._overflow().delete(key)
        except lmdb.Error as error:
            self.broken = error
            raise

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Run ``effect`` once after the change is durable."""
        self.effects.append(effect)

    def conclude(self) -> None:
        """Called when the function has returned: raise what it must not hide."""
        if self.broken is not None:
            raise self.broken


class FreeingTransaction(LmdbTransaction):
    """A transaction in a store without room: it must not need more than it frees.

    Deleting an object also writes (a counter, an event, a tombstone), so a change that removes something may grow by
    ``_ALLOWANCE``; the reserve carries that.
    """

    __slots__ = ("_growth", "_removed")

    _ALLOWANCE = 4096  # bytes, one page: what deleting one object writes is some hundred

    def __init__(self, transaction: "lmdb.Transaction[bytes]", database: "Database", chunk: int) -> None:
        super().__init__(transaction, database, chunk)
        self._growth = 0
        self._removed = False

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``, counting by how much that grows the store."""
        old = self.get(key)
        self._growth += len(value) - len(old) if old is not None else len(key) + len(value)
        super().put(key, value)

    def delete(self, key: bytes) -> bool:
        """Remove ``key``, counting what that frees."""
        old = self.get(key)
        if old is None:
            return False
        self._growth -= len(key) + len(old)
        self._removed = True
        return super().delete(key)

    def conclude(self) -> None:
        """Refuse the change if it needs more room than it frees."""
        super().conclude()
        if self._growth > (self._ALLOWANCE if self._removed else 0):
            raise Problem(
                errors.STORAGE_FULL, "The metadata store has no room; only changes that free space are taken."
            )
