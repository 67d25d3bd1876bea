"""Lines of access logs on their way: kept in memory for a while, then put as objects. Best effort, as on Amazon.

A line that is lost with a killed process, or for which there is no room, is lost; a request never waits for its line.
"""

import secrets
import time
from collections.abc import AsyncIterator, Mapping

from zotplus.domain.errors import Problem
from zotplus.domain.storage.access_lines import EVENT_TIME, AccessLine, log_key, render
from zotplus.services.configuration.access_logging import AccessLogging, Logged
from zotplus.services.lookups import Clock
from zotplus.services.objects import Objects
from zotplus.services.values import Actor, Attributes, Expected, Source

BYTES_MAX = 8 * 1024**2
"""Lines in memory at most, of all buckets of a process."""
FLUSH_BYTES = 1024**2
"""Lines of a bucket that are put without waiting longer."""

_DAY = 86_400
_WRITER = Actor(principal="logging")
_PLAIN = Attributes(headers={"content-type": "text/plain"})


class AccessLogs:
    """The lines of one process. ``sources`` are the buckets whose requests are logged, as of the last ``refresh``."""

    def __init__(
        self, settings: AccessLogging, objects: Objects, *, interval: float = 300.0, clock: Clock = time.time
    ) -> None:
        self.sources: Mapping[str, Logged] = {}
        self.dropped = 0
        self.failed = 0
        self._settings = settings
        self._objects = objects
        self._interval = interval
        self._clock = clock
        self._waiting: dict[tuple[str, int], _Batch] = {}
        self._bytes = 0

    async def refresh(self) -> None:
        """Learn which buckets are logged. Raises ``STORAGE_FAILED``."""
        self.sources = await self._settings.all()

    def take(self, line: AccessLine) -> None:
        """Keep the line of a request to a bucket among ``sources``; drop it where there is no room."""
        text = render(line)
        if self._bytes + len(text) > BYTES_MAX:
            self.dropped += 1
            return
        # Folders by the day of the event hold that day's lines only.
        by_day = self.sources[line.bucket].target.partitioned == EVENT_TIME
        place = (line.bucket, int(line.time // _DAY) if by_day else 0)
        batch = self._waiting.get(place)
        if batch is None:
            batch = self._waiting[place] = _Batch(self._clock(), line.time)
        batch.add(text)
        self._bytes += len(text)

    async def flush(self, *, everything: bool = False) -> int:
        """Put the lines that have waited long enough, or are many; how many objects that made."""
        now = self._clock()
        due = [
            place
            for place, batch in self._waiting.items()
            if everything or batch.size >= FLUSH_BYTES or now - batch.since >= self._interval
        ]
        put = 0
        for place in due:
            batch = self._waiting.pop(place)
            self._bytes -= batch.size
            put += await self._put(place[0], batch, now)
        return put

    async def _put(self, bucket: str, batch: "_Batch", now: float) -> int:
        logged = self.sources.get(bucket)
        if logged is None:  # logging was switched off meanwhile
            return 0
        unique = secrets.token_hex(8).upper()
        key = log_key(logged.target, (logged.region, bucket), (now, batch.event), unique)
        data = batch.content()
        source = Source(chunks=_once(data), expected=Expected(size=len(data)), by=_WRITER)
        try:
            await self._objects.put(logged.target.bucket, key, source, _PLAIN)
        except Problem:  # the target is gone, full or locked
            self.failed += 1
            return 0
        return 1


class _Batch:
    """The lines of one object to be: waiting ``since``, the first of a request at ``event``."""

    def __init__(self, since: float, event: float) -> None:
        self.since = since
        self.event = event
        self.size = 0
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        self._lines.append(line)
        self.size += len(line)

    def content(self) -> bytes:
        return "".join([f"{line}\n" for line in self._lines]).encode()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
