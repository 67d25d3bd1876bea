"""Through a stream's lines in either direction, from a place and back to it.

Files are mapped, never read whole: going to a place costs nothing, and what is not looked at is not read.
"""

import contextlib
import mmap
import re
import time
from pathlib import Path
from typing import NamedTuple

from zotplus.adapters.audit.files import files_of, mapped

_TIME = re.compile(rb'"time":"([^"]{20,30})"')


class Place(NamedTuple):
    """Where a walk is: in the file whose first record is ``file``, ``offset`` bytes in, between two lines."""

    file: int
    offset: int


class Walk:
    """Over the lines of the stream in ``folder``; close it after use.

    A place in a file that is gone is the nearest that is left in the walk's direction.
    """

    def __init__(self, folder: Path, place: Place, *, backward: bool) -> None:
        self.folder = folder
        self.backward = backward
        self._open = contextlib.ExitStack()
        self._files = files_of(folder)
        self._content: mmap.mmap | bytes = b""
        self._index = self._index_of(place.file)
        self._offset = 0
        self._enter(place)

    @property
    def place(self) -> Place:
        """Where the next line is looked for."""
        if not self._files:
            return Place(0, 0)
        return Place(self._files[self._index][0], self._offset)

    def next(self) -> bytes | None:
        """The next whole line without its end; None where there is none now."""
        while True:
            line = self._before() if self.backward else self._after()
            if line is not None or not self._turn():
                return line

    def find(self, needle: bytes, deadline: float) -> bytes | None:
        """The next line forward that holds ``needle``, searched at memory's speed until ``deadline`` (monotonic)."""
        while time.monotonic() < deadline:
            found = self._content.find(needle, self._offset)
            if found >= 0:
                self._offset = self._content.rfind(b"\n", 0, found) + 1
                return self._after()
            if not self._files or not self._turn():
                return None
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._open.close()

    def _after(self) -> bytes | None:
        end = self._content.find(b"\n", self._offset)
        if end < 0:
            return None
        line = self._content[self._offset : end]
        self._offset = end + 1
        return line

    def _before(self) -> bytes | None:
        if self._offset <= 0:
            return None
        start = self._content.rfind(b"\n", 0, self._offset - 1) + 1
        line = self._content[start : self._offset - 1]
        self._offset = start
        return line

    def _turn(self) -> bool:
        """Go to the next file of the direction; False where there is none."""
        index = self._index + (-1 if self.backward else 1)
        if not 0 <= index < len(self._files):
            return False
        self._index = index
        self._map()
        self._offset = self._content.rfind(b"\n") + 1 if self.backward else 0
        return True

    def _index_of(self, first: int) -> int:
        earlier = [index for index, (number, _) in enumerate(self._files) if number <= first]
        return earlier[-1] if earlier else 0

    def _enter(self, place: Place) -> None:
        if not self._files:
            return
        self._map()
        end = self._content.rfind(b"\n") + 1
        if self._files[self._index][0] == place.file:
            self._offset = max(0, min(place.offset, end))
        else:
            is_later = self._files[self._index][0] < place.file
            self._offset = end if is_later else 0

    def _map(self) -> None:
        self._open.close()
        self._content = self._open.enter_context(mapped(self._files[self._index][1]))


def beginning(folder: Path) -> Place:
    """Before the first line."""
    files = files_of(folder)
    return Place(files[0][0], 0) if files else Place(0, 0)


def ending(folder: Path) -> Place:
    """After the last whole line."""
    files = files_of(folder)
    if not files:
        return Place(0, 0)
    with mapped(files[-1][1]) as content:
        return Place(files[-1][0], content.rfind(b"\n") + 1)


def at_time(folder: Path, wanted: str) -> Place:
    """Before the first line of the time ``wanted`` (as records hold it) or later; files tell their own beginning.

    Clocks may be set back, so what was written around then may lie some lines before.
    """
    files = files_of(folder)
    if not files:
        return Place(0, 0)
    index = 0
    for number, (_, path) in enumerate(files):
        with mapped(path) as content:
            if _time_at(content, 0) < wanted:
                index = number
    first, path = files[index]
    with mapped(path) as content:
        low, high = 0, content.rfind(b"\n") + 1
        while low < high:
            middle = content.rfind(b"\n", 0, (low + high) // 2) + 1
            following = content.find(b"\n", middle) + 1
            if _time_at(content, middle) < wanted:
                low = following
            elif middle <= low:
                high = low
            else:
                high = middle
        return Place(first, low)


def _time_at(content: mmap.mmap | bytes, start: int) -> str:
    """The time of the line at ``start``; empty where it tells none."""
    end = content.find(b"\n", start)
    found = _TIME.search(content[start : end if end >= 0 else start])
    return found[1].decode("ascii", "replace") if found else ""
