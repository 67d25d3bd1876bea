"""Pages of the log: the walks of all streams, merged by time, as far as one search may read."""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from zotplus.adapters.audit.files import STREAM, streams
from zotplus.adapters.audit.walking import Place, Walk, at_time, beginning, ending
from zotplus.domain import errors
from zotplus.domain.audit.filters import Filter
from zotplus.domain.audit.records import CHECKPOINT_START, Record, decode_record
from zotplus.domain.audit.times import moment, timestamp
from zotplus.domain.errors import Problem
from zotplus.ports.audit import AuditPage, AuditQuery

SCAN_MAX_BYTES = 64 << 20
"""What one search reads at most, some tenths of a second's work: a page may come back short, with a cursor to go on."""
SCAN_MAX_SECONDS = 2.0
CURSOR_MAX = 65_536
_TIME = b'"time":"'
_SET_BACK_SECONDS = 5.0
"""How far clocks are expected to be set back: so much earlier a search by time begins, and so much later it ends."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended, for each stream; ``backward`` is the direction, in which alone it means something."""

    backward: bool
    places: dict[str, Place]


class _Ahead:
    """A stream's walk, one matching record ahead; ``place`` is before that record."""

    def __init__(self, walk: Walk, wanted: Filter) -> None:
        self.walk = walk
        self.place = walk.place
        self.record: Record | None = None
        self.scanned = 0
        self.is_through = False
        self._wanted = wanted
        self._needles = wanted.needles
        since, until = _moved(wanted.since, -_SET_BACK_SECONDS), _moved(wanted.until, _SET_BACK_SECONDS)
        self._bound = (since if walk.backward else until).encode()

    def seek(self, may_go_on: Callable[[], bool]) -> bool:
        """Find the next matching record, or the end; False where the search has read enough before."""
        while self.record is None and not self.is_through:
            if not may_go_on():
                return False
            self.place = self.walk.place
            line = self.walk.next()
            if line is None:
                self.is_through = True
                break
            self.scanned += len(line)
            self._look_at(line)
        return True

    def take(self) -> Record | None:
        """The record, which the place is then behind."""
        found, self.record = self.record, None
        self.place = self.walk.place
        return found

    def _look_at(self, line: bytes) -> None:
        if line.startswith(CHECKPOINT_START):
            return
        if self._bound and self._is_beyond(line):
            self.is_through = True
            return
        if any(needle not in line for needle in self._needles):
            return
        record = decode_record(line)
        if record is not None and self._wanted.matches(record):
            self.record = record

    def _is_beyond(self, line: bytes) -> bool:
        """Whether the walk has left the span of time that was asked for."""
        at = line.find(_TIME) + len(_TIME)
        time_of_line = line[at : at + len(self._bound)]
        return time_of_line < self._bound if self.walk.backward else time_of_line > self._bound


def search(folder: Path, query: AuditQuery) -> AuditPage:
    """See ``AuditArchive.search``; reads files, so it runs in a thread."""
    backward = not query.oldest_first
    places = _places(folder, query)
    ahead = {
        name: _Ahead(Walk(folder / name, place, backward=backward), query.filter) for name, place in places.items()
    }
    try:
        return _page(ahead, query)
    finally:
        for one in ahead.values():
            one.walk.close()


def _page(ahead: Mapping[str, _Ahead], query: AuditQuery) -> AuditPage:
    deadline = time.monotonic() + SCAN_MAX_SECONDS

    def may_go_on() -> bool:
        return sum(one.scanned for one in ahead.values()) < SCAN_MAX_BYTES and time.monotonic() < deadline

    records: list[Record] = []
    is_end = False
    while len(records) < query.limit and all(one.seek(may_go_on) for one in ahead.values()):
        waiting = [(one.record.time, name) for name, one in ahead.items() if one.record is not None]
        if not waiting:
            is_end = True
            break
        _, name = min(waiting) if query.oldest_first else max(waiting)
        found = ahead[name].take()
        if found is not None:
            records.append(msgspec.structs.replace(found, stream=name))
    cursor = _Cursor(not query.oldest_first, {name: one.place for name, one in ahead.items()})
    is_over = is_end and not query.oldest_first
    return AuditPage(records=tuple(records), cursor="" if is_over else _encoded(cursor), is_end=is_end)


def _places(folder: Path, query: AuditQuery) -> dict[str, Place]:
    """Where each stream's walk begins."""
    found = streams(folder)
    if query.cursor:
        cursor = _decoded(query.cursor)
        if cursor.backward is query.oldest_first:
            raise _unusable()
        known = {name: place for name, place in cursor.places.items() if name in found}
        if not query.oldest_first:
            return known
        return {name: beginning(folder / name) for name in found} | known  # a new process writes a stream of its own
    wanted = query.filter
    if query.oldest_first:
        since = _moved(wanted.since, -_SET_BACK_SECONDS)
        return {name: at_time(folder / name, since) if since else beginning(folder / name) for name in found}
    until = _moved(wanted.until, _SET_BACK_SECONDS)
    return {name: at_time(folder / name, until) if until else ending(folder / name) for name in found}


def _moved(text: str, seconds: float) -> str:
    return timestamp(moment(text) + seconds) if text else ""


def _encoded(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _decoded(text: str) -> _Cursor:
    if len(text) > CURSOR_MAX:
        raise _unusable()
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.msgpack.decode(content, type=_Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise _unusable() from error
    if not all(STREAM.fullmatch(name) for name in cursor.places):
        raise _unusable()
    return cursor


def _unusable() -> Problem:
    return Problem(errors.ARGUMENT_INVALID, "The cursor is not one of this question.", argument="cursor")
