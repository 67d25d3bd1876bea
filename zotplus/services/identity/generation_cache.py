"""A cache per process that a change anywhere makes stale at once, by a number kept beside what is cached."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from zotplus.ports.keyvalue import KeyValue, Snapshot, SupportsImmediateRead
from zotplus.records.access import generation

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CAPACITY = 10_000
"""Entries kept, unknown names included; one has about a kilobyte. A flood of unknown names only empties the cache."""


class GenerationCache(Generic[K, V]):
    """What ``load`` made of a snapshot for a name, kept until the generation moves on.

    Every ``get`` reads the generation, which is one small look-up; only a miss loads. ``capacity`` is how many entries
    are kept, ``CAPACITY`` by default.
    """

    def __init__(self, store: KeyValue, load: Callable[[Snapshot, K], V], *, capacity: int | None = None) -> None:
        self._capacity = capacity
        self._store = store
        self._load = load
        self._read_now = store.read_now if isinstance(store, SupportsImmediateRead) else None
        self._generation = -1
        self._entries: dict[K, V] = {}

    def peek(self, name: K) -> V | None:
        """What is known of ``name`` and still holds; None where ``get`` has to be asked."""
        if self._read_now is None or self._read_now(generation) != self._generation:
            return None
        return self._entries.get(name)

    def peek_in(self, snapshot: Snapshot, name: K) -> V | None:
        """As ``peek`` within a snapshot."""
        return self._entries.get(name) if generation(snapshot) == self._generation else None

    async def get(self, name: K) -> V:
        """What ``load`` says of ``name`` now. Raises what ``load`` raises."""
        current = await self._store.read(generation)
        if current == self._generation and name in self._entries:
            return self._entries[name]
        current, loaded = await self._store.read(lambda snapshot: (generation(snapshot), self._load(snapshot, name)))
        self._keep(current, name, loaded)
        return loaded

    def _keep(self, current: int, name: K, loaded: V) -> None:
        if current < self._generation:
            return  # another task has seen a newer state meanwhile
        if current > self._generation or len(self._entries) >= (self._capacity or CAPACITY):
            self._entries = {}
            self._generation = current
        self._entries[name] = loaded
