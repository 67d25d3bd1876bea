"""Ordered metadata storage: keys and values are bytes, keys sort bytewise.

Every adapter passes ``tests/contracts/keyvalue.py``. LMDB serves one machine; a PostgreSQL-wire database fits the same
port because a transaction is a function that may run again.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

KEY_MAX_BYTES = 1_600
"""Keys have 1 to this many bytes: an S3 bucket name, an S3 key of 1,024 bytes and a suffix fit."""


class Snapshot(Protocol):
    """One consistent view. Valid only inside the function that received it; iterators end with it."""

    @property
    def version(self) -> int:
        """What is read by two functions under one version of a store is the same; of no meaning in a transaction."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, or None."""
        ...

    def scan(self, start: bytes, stop: bytes | None = None, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with ``start <= key < stop`` in bytewise order, or the same in reverse; no ``stop``: to the end.

        Lazy: what is not iterated is not read, so skipping ahead is a new ``scan``. The store must not be changed
        while one of its iterators is in use.
        """
        ...


class Transaction(Snapshot, Protocol):
    """A snapshot that sees its own changes; all of them become durable together, or none."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``. Raises ``ValueError`` for a key outside 1 to ``KEY_MAX_BYTES`` bytes."""
        ...

    def delete(self, key: bytes) -> bool:
        """Remove ``key``; whether it was there."""
        ...

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Run ``effect`` once after the change is durable; never if it is not."""
        ...


class KeyValue(Protocol):
    """The store.

    Raises ``Problem``: ``STORAGE_FULL`` when there is no room (reads and deletes go on), ``STORAGE_FAILED`` for any
    other engine failure. A problem or exception raised by the function itself comes out unchanged, and nothing of that
    function's changes is kept.
    """

    async def read(self, function: Callable[[Snapshot], T]) -> T:
        """Run ``function`` over one consistent snapshot. It must be quick, must not block and must not await."""
        ...

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` as one atomic change; return when it is durable (``fsync: always``).

        ``function`` may run more than once and in another thread, so it has no effects but on its transaction;
        others wait for ``on_commit``. Writes are serialisable. Cancelling the await does not undo the change.
        """
        ...

    async def check(self) -> None:
        """Prove that reading and the engine work (readiness). Raises ``Problem`` when not."""
        ...

    async def backup(self, folder: str) -> None:
        """Write a consistent, compacted copy that the same engine can open into the empty ``folder``, while serving."""
        ...

    async def close(self) -> None:
        """Finish the writes under way and release the engine. Idempotent."""
        ...


@runtime_checkable
class SupportsImmediateRead(Protocol):
    """An ability: reading neither blocks nor waits, so that it needs no coroutine (about a microsecond saved)."""

    def read_now(self, function: Callable[[Snapshot], T]) -> T:
        """As ``KeyValue.read``, from any thread."""
        ...


@runtime_checkable
class SupportsMaintenance(Protocol):
    """An ability: the engine wants to be looked after from time to time, by one process of the machine."""

    async def maintain(self) -> int:
        """Remove what dead processes left behind, such as reader slots; how many. Cheap: once a minute is fine."""
        ...
