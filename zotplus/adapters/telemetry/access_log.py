"""The access log: one line for each request, written together for all that were answered in one moment.

Done at once, a line costs twice as much, since it finds the caches full of the request's own code and data, and the
client waits for it.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from zotplus.adapters.telemetry.logs import Event, Logs
from zotplus.domain.audit.times import timestamp
from zotplus.ports.telemetry import Finished

STATUS_SERVER_ERROR = 500
FLUSH_SECONDS = 0.02
"""How long lines wait for others."""


class AccessLine(msgspec.Struct, frozen=True, gc=False):
    """One line, its fields in order; a struct, since a dictionary costs twice as much to write."""

    time: str
    level: str
    event: str
    process: str
    request_id: str
    face: str
    operation: str
    principal: str
    peer: str
    method: str
    path: str
    status: int
    bytes_in: int
    bytes_out: int
    milliseconds: float


class AccessLog:
    """The lines of one worker."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._waiting: list[tuple[Finished, str]] = []

    def add(self, finished: Finished, trace: str) -> None:
        """Log a request, with the id of its trace if it has one."""
        self._waiting.append((finished, trace))
        if len(self._waiting) > 1:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # there is no turn to wait for
            self.flush()
        else:
            loop.call_later(FLUSH_SECONDS, self.flush)

    def add_all(self, finished: Iterable[tuple[Finished, str]]) -> None:
        """Log requests that have waited for each other already, each with the id of its trace."""
        self._waiting += finished
        self.flush()

    def flush(self) -> None:
        """Write what waits, whatever its level: a storm of 503 must not flush each line."""
        waiting, self._waiting = self._waiting, []
        self._logs.emit_all([self._line(finished, trace) for finished, trace in waiting])

    def _line(self, finished: Finished, trace: str) -> Event:
        line = AccessLine(
            timestamp(finished.at),
            "error" if finished.status >= STATUS_SERVER_ERROR else "info",
            "request",
            self._logs.process,
            finished.request_id,
            finished.face,
            finished.operation,
            finished.principal,
            finished.peer,
            finished.method,
            finished.path,
            finished.status,
            finished.bytes_in,
            finished.bytes_out,
            int(finished.seconds * 1_000_000) / 1000,
        )
        if not finished.fields and not trace:
            return line
        fields = msgspec.structs.asdict(line) | finished.fields
        return fields | {"trace_id": trace} if trace else fields
