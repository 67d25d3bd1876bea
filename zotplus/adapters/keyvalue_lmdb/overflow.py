"""Keys longer than LMDB takes (511 bytes), in an order-preserving form.

A key of up to ``chunk`` bytes is stored as it is. Of a longer key the first ``chunk`` bytes and a NUL become a *link*
in the database ``records``, whose value is the eight-byte id of a *namespace*; the rest of the key is stored in the
database ``overflow`` behind that id, by the same rule again. A stored key of ``chunk + 1`` bytes is therefore always a
link. It sorts right after the key that equals its first ``chunk`` bytes and before every other, as do the keys behind
it: the bytewise order of whole keys is kept. A namespace exists only as long as it holds a key.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import lmdb

KEY_CHUNK = 502
"""Bytes of a key in one piece: with an id (8) and the link's NUL (1) it is LMDB's limit of 511."""

_LINK = b"\x00"
_ID_BYTES = 8


class Overflow:
    """The view of one transaction on long keys; ``records`` is the transaction's own database."""

    __slots__ = ("_allocated", "chunk", "database", "transaction")

    def __init__(self, transaction: "lmdb.Transaction[bytes]", database: "lmdb._Database", chunk: int) -> None:
        self.transaction = transaction
        self.database = database
        self.chunk = chunk
        self._allocated = 0

    def get(self, key: bytes) -> bytes | None:
        """The value at ``key``, which is longer than a chunk."""
        stored = self._stored(key)
        return None if stored is None else self.transaction.get(stored, db=self.database)

    def _stored(self, key: bytes) -> bytes | None:
        """Under which key of ``overflow`` the value is, or would be; None where a link is missing."""
        chunk, transaction = self.chunk, self.transaction
        namespace = transaction.get(key[:chunk] + _LINK)
        rest = key[chunk:]
        while namespace is not None and len(rest) > chunk:
            namespace = transaction.get(namespace + rest[:chunk] + _LINK, db=self.database)
            rest = rest[chunk:]
        return None if namespace is None else namespace + rest

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key``, which is longer than a chunk; makes the namespaces that it needs."""
        chunk, transaction = self.chunk, self.transaction
        link, rest = key[:chunk] + _LINK, key[chunk:]
        namespace = transaction.get(link)
        if namespace is None:
            namespace = self._allocate()
            transaction.put(link, namespace)
        while len(rest) > chunk:
            link, rest = namespace + rest[:chunk] + _LINK, rest[chunk:]
            namespace = transaction.get(link, db=self.database)
            if namespace is None:
                namespace = self._allocate()
                transaction.put(link, namespace, db=self.database)
        transaction.put(namespace + rest, value, db=self.database)

    def _allocate(self) -> bytes:
        """A namespace id that is not in use: after the last one that holds a key, and after our own new ones."""
        with self.transaction.cursor(self.database) as cursor:
            last = int.from_bytes(cursor.key()[:_ID_BYTES], "big") if cursor.last() else 0
        self._allocated = max(last, self._allocated) + 1
        return self._allocated.to_bytes(_ID_BYTES, "big")

    def delete(self, key: bytes) -> bool:
        """Remove ``key``, longer than a chunk, and the namespaces that are empty then; whether it was there."""
        chunk, transaction, database = self.chunk, self.transaction, self.database
        link, rest = key[:chunk] + _LINK, key[chunk:]
        namespace = transaction.get(link)
        inner: list[tuple[bytes, bytes]] = []  # (link inside the database overflow, the namespace it leads to)
        outermost = namespace
        while namespace is not None and len(rest) > chunk:
            inner.append((namespace + rest[:chunk] + _LINK, b""))
            namespace = transaction.get(inner[-1][0], db=database)
            inner[-1] = (inner[-1][0], namespace or b"")
            rest = rest[chunk:]
        if namespace is None or outermost is None or not transaction.delete(namespace + rest, db=database):
            return False
        for inner_link, target in reversed(inner):
            if not self._is_empty(target):
                return True
            transaction.delete(inner_link, db=database)
        if self._is_empty(outermost):
            transaction.delete(link)
        return True

    def _is_empty(self, namespace: bytes) -> bool:
        with self.transaction.cursor(self.database) as cursor:
            return not (cursor.set_range(namespace) and cursor.key().startswith(namespace))

    def forward(self, namespace: bytes, head: bytes, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        """Pairs of ``namespace`` with ``start <= key < stop``; ``head`` is what comes before all three."""
        chunk, skip = self.chunk, len(namespace)
        cursor = self._cursor(namespace)
        first = start if len(start) <= chunk else start[:chunk] + _LINK
        if not (cursor.set_range(namespace + first) if namespace + first else cursor.first()):
            return
        for stored, value in cursor.iternext():
            if not stored.startswith(namespace):
                return
            key = stored[skip:]
            if len(key) <= chunk:
                if stop is not None and key >= stop:
                    return
                yield head + key, value
                continue
            prefix = key[:chunk]
            if stop is not None and prefix >= stop:
                return
            yield from self.forward(value, head + prefix, _inside(start, prefix) or b"", _inside(stop, prefix))

    def backward(
        self, namespace: bytes, head: bytes, start: bytes, stop: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs of ``forward`` from the last to the first."""
        chunk, skip = self.chunk, len(namespace)
        cursor = self._cursor(namespace)
        if not self._before(cursor, namespace, stop):
            return
        for stored, value in cursor.iterprev():
            if not stored.startswith(namespace):
                return
            key = stored[skip:]
            if len(key) <= chunk:
                if key < start:
                    return
                yield head + key, value
                continue
            prefix = key[:chunk]
            if prefix < start[:chunk]:  # then every key behind the link is below ``start`` too
                return
            yield from self.backward(value, head + prefix, _inside(start, prefix) or b"", _inside(stop, prefix))

    def _before(self, cursor: "lmdb.Cursor[bytes]", namespace: bytes, stop: bytes | None) -> bool:
        """Set ``cursor`` on the last stored key that may hold keys below ``stop``; whether there is one.

        It may be one of an earlier namespace. A cursor without position must not be iterated: it would begin anew.
        """
        if stop is None:
            after = (int.from_bytes(namespace, "big") + 1).to_bytes(_ID_BYTES, "big") if namespace else b""
            found = bool(after) and cursor.set_range(after)
        elif len(stop) <= self.chunk:
            found = cursor.set_range(namespace + stop) if namespace + stop else cursor.first()
        else:
            link = namespace + stop[: self.chunk] + _LINK
            found = cursor.set_range(link)
            if found and cursor.key() == link:
                return True
        return cursor.prev() if found else cursor.last()

    def _cursor(self, namespace: bytes) -> "lmdb.Cursor[bytes]":
        return self.transaction.cursor(self.database) if namespace else self.transaction.cursor()


def _inside(bound: bytes | None, prefix: bytes) -> bytes | None:
    """The part of ``bound`` that applies behind the link of ``prefix``; None where it does not cut there."""
    if bound is None or len(bound) <= len(prefix) or not bound.startswith(prefix):
        return None
    return bound[len(prefix) :]
