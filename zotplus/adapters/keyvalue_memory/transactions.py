"""The snapshot and the transaction over a dictionary and its sorted keys."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator

from zotplus.ports.keyvalue import KEY_MAX_BYTES

_SLICE = 256  # keys copied at a time: a scan that ends early has not walked the whole range


class Pairs:
    """The stored pairs: ``values`` by key, and ``keys`` in order. ``version`` grows with each of their changes."""

    __slots__ = ("keys", "values", "version")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.keys: list[bytes] = []
        self.version = 0

    def set(self, key: bytes, value: bytes) -> None:
        """Add or replace a pair."""
        self.version += 1
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def remove(self, key: bytes) -> None:
        """Take out a pair that is there."""
        self.version += 1
        del self.values[key]
        del self.keys[bisect_left(self.keys, key)]


class MemorySnapshot:
    """See ``ports.keyvalue.Snapshot``."""

    __slots__ = ("_open", "_pairs")

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._open = True

    def end(self) -> None:
        """Make every later use an error, as it is with engines that must release the view."""
        self._open = False

    def _require_open(self) -> None:
        if not self._open:
            raise RuntimeError("the snapshot is used outside its function")

    @property
    def version(self) -> int:
        """How many pairs were changed so far."""
        return self._pairs.version

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        self._require_open()
        return self._pairs.values.get(key)

    def scan(self, start: bytes, stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with ``start <= key < stop``, or the same in reverse."""
        keys, values = self._pairs.keys, self._pairs.values
        low = bisect_left(keys, start)
        high = len(keys) if stop is None else bisect_left(keys, stop)
        for begin in range(low, high, _SLICE):
            self._require_open()
            end = min(begin + _SLICE, high)
            part = keys[low + high - end : low + high - begin] if reverse else keys[begin:end]
            for key in reversed(part) if reverse else part:
                yield key, values[key]


class MemoryTransaction(MemorySnapshot):
    """See ``ports.keyvalue.Transaction``. Changes go straight to the pairs; a journal of old values undoes them."""

    __slots__ = ("_journal", "effects")

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self._journal: dict[bytes, bytes | None] = {}
        self.effects: list[Callable[[], None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``."""
        self._require_open()
        if not 0 < len(key) <= KEY_MAX_BYTES:
            raise ValueError(f"a key has 1 to {KEY_MAX_BYTES} bytes, not {len(key)}")
        self._remember(key)
        self._pairs.set(bytes(key), bytes(value))

    def delete(self, key: bytes) -> bool:
        """Remove ``key``; whether it was there."""
        self._require_open()
        if key not in self._pairs.values:
            return False
        self._remember(key)
        self._pairs.remove(key)
        return True

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Run ``effect`` once after the change is made."""
        self._require_open()
        self.effects.append(effect)

    def _remember(self, key: bytes) -> None:
        if key not in self._journal:
            self._journal[key] = self._pairs.values.get(key)

    def roll_back(self) -> None:
        """Give every changed key the value that it had at the beginning."""
        for key, value in self._journal.items():
            if value is not None:
                self._pairs.set(key, value)
            elif key in self._pairs.values:
                self._pairs.remove(key)
