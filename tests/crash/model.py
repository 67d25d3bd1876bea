"""A file system that forgets what was not synced.

Data of a file counts from the end of an fsync or fdatasync of that file that began after the write; of a file opened
with O_DSYNC or O_SYNC at once. A name in a folder, new, changed or removed, counts from the end of an fsync of the
folder. That is the least that POSIX promises; real file systems keep more, which ``crash`` can mix in.
"""

import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.recording import Call, Step

SYNCING = {"fsync", "fdatasync"}
IGNORED = {"sync_file_range"}  # promises nothing


@dataclass(eq=False)
class File:
    """``changes`` are writes that no sync has covered yet: (number of the step, offset, data); -1: a new size."""

    durable: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, int, bytes]] = field(default_factory=list)

    def content(self, chosen: Callable[[], bool]) -> bytes:
        data = bytearray(self.durable)
        for _, offset, piece in self.changes:
            if chosen():
                _apply(data, offset, piece)
        return bytes(data)

    def sync(self, before: int) -> None:
        """Changes of steps before ``before`` are durable."""
        for number, offset, piece in self.changes:
            if number < before:
                _apply(self.durable, offset, piece)
        self.changes = [change for change in self.changes if change[0] >= before]


@dataclass(eq=False)
class Folder:
    """``names`` as programs see them, ``durable`` as they are on disk, and when each name last changed."""

    names: "dict[str, File | Folder]" = field(default_factory=dict)
    durable: "dict[str, File | Folder]" = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    def set(self, name: str, node: "File | Folder | None", number: int) -> None:
        if node is None:
            del self.names[name]
        else:
            self.names[name] = node
        self.changed[name] = number

    def sync(self, before: int) -> None:
        for name, number in list(self.changed.items()):
            if number < before:
                if name in self.names:
                    self.durable[name] = self.names[name]
                else:
                    self.durable.pop(name, None)
                del self.changed[name]


def _apply(data: bytearray, offset: int, piece: bytes) -> None:
    if offset < 0:  # a new size
        size = int.from_bytes(piece, "big")
        del data[size:]
        data.extend(bytes(size - len(data)))
        return
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(piece)] = piece


class Model:
    """Everything below ``root``, which is there and empty at first, its own name durable. Calls elsewhere are ignored.

    ``generation`` grows whenever something became durable.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = Folder()
        self._flags: dict[int, tuple[str, set[str]]] = {}
        self._positions: dict[int, int] = {}
        self.generation = 0

    def take(self, step: Step) -> None:
        """Let a step happen."""
        if not step.is_end or step.call.name in IGNORED:
            return
        getattr(self, f"_{step.call.name}", self._unknown)(step.call, step.number)

    def _unknown(self, call: Call, number: int) -> None:
        assert not any(self._is_ours(path) for path in call.paths), f"the model does not know {call.name}"

    def _is_ours(self, path: str) -> bool:
        return path == self._root or path.startswith(self._root + "/")

    def _parts(self, path: str) -> list[str]:
        return [part for part in path.removeprefix(self._root).split("/") if part]

    def _find(self, path: str) -> "File | Folder":
        node: File | Folder = self._top
        for part in self._parts(path):
            node = node.names[part]
        return node

    def _parent(self, path: str) -> tuple[Folder, str]:
        *above, name = self._parts(path)
        return self._find("/".join(above)) if above else self._top, name

    # Calls, as recorded. All paths of the recorded programs are absolute.

    def _openat(self, call: Call, number: int) -> None:
        path = os.fsdecode(call.strings[0])
        flags = set(re.findall(r"O_\w+", call.arguments))
        self._flags[call.result] = (path, flags)
        if not self._is_ours(path):
            return
        folder, name = self._parent(path) if path != self._root else (None, "")
        if folder is not None and "O_CREAT" in flags and name not in folder.names:
            folder.set(name, File(), number)
        node = self._find(path)
        self._positions[call.result] = 0
        if isinstance(node, File) and "O_TRUNC" in flags:
            node.changes.append((number, -1, b"\0"))

    def _lseek(self, call: Call, _number: int) -> None:
        self._positions[call.descriptors[0]] = call.result

    def _write(self, call: Call, number: int) -> None:
        if self._is_ours(call.paths[0]):
            descriptor = call.descriptors[0]
            self._written(call, number, self._positions[descriptor])
            self._positions[descriptor] += call.result

    _writev = _write

    def _pwrite64(self, call: Call, number: int) -> None:
        if self._is_ours(call.paths[0]):
            self._written(call, number, call.numbers[-1])

    _pwritev = _pwrite64

    def _written(self, call: Call, number: int, offset: int) -> None:
        data = b"".join(call.strings)[: call.result]
        assert len(data) == call.result
        file = self._find(call.paths[0])
        path, flags = self._flags[call.descriptors[0]]
        assert path == call.paths[0] or "O_DSYNC" not in flags
        file.changes.append((number, offset, data))
        if flags & {"O_DSYNC", "O_SYNC"}:
            _apply(file.durable, offset, data)
            file.changes.pop()
            self.generation += 1

    def _fallocate(self, call: Call, number: int) -> None:
        if self._is_ours(call.paths[0]):
            offset, length = call.numbers[-2:]
            self._resized(call.paths[0], offset + length, number)

    def _ftruncate(self, call: Call, number: int) -> None:
        if self._is_ours(call.paths[0]):
            self._resized(call.paths[0], call.numbers[-1], number)

    def _resized(self, path: str, size: int, number: int) -> None:
        self._find(path).changes.append((number, -1, size.to_bytes(8, "big")))

    def _fsync(self, call: Call, number: int) -> None:
        if self._is_ours(call.paths[0]):
            self._find(call.paths[0]).sync(number)
            self.generation += 1

    _fdatasync = _fsync

    def _mkdir(self, call: Call, number: int) -> None:
        path = os.fsdecode(call.strings[0])
        if self._is_ours(path):
            folder, name = self._parent(path)
            folder.set(name, Folder(), number)

    def _rename(self, call: Call, number: int) -> None:
        source, target = map(os.fsdecode, call.strings)
        if not self._is_ours(source):
            return
        folder, name = self._parent(source)
        node = folder.names[name]
        folder.set(name, None, number)
        folder, name = self._parent(target)
        folder.set(name, node, number)

    def _unlink(self, call: Call, number: int) -> None:
        path = os.fsdecode(call.strings[0])
        if self._is_ours(path):
            folder, name = self._parent(path)
            folder.set(name, None, number)

    def crash(self, target: Path, *, names: float, data: float, chance: random.Random, without: set[str]) -> None:
        """Write into ``target`` what is found after a power loss.

        Of what was not synced, each change of a name survives with the probability ``names``, each write with ``data``.
        Files called as in ``without`` are left out.
        """
        self._lay(self._top, target, (names, data, chance), without)

    def _lay(self, folder: Folder, target: Path, odds: tuple[float, float, random.Random], without: set[str]) -> None:
        names, data, chance = odds
        found = dict(folder.durable)
        for name in folder.changed:
            if chance.random() < names:
                found.pop(name, None)
                if name in folder.names:
                    found[name] = folder.names[name]
        target.mkdir()
        for name, node in found.items():
            if isinstance(node, Folder):
                self._lay(node, target / name, odds, without)
            elif name not in without:
                (target / name).write_bytes(node.content(lambda: chance.random() < data))
