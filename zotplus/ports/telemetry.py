"""What is said about requests: access log, metrics and spans."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request. Sizes are body bytes, ``seconds`` from the head's arrival to the last byte handed over.

    ``at`` is when that was, in seconds since the epoch.
    ``fields`` are the log's extra values (``fault``, ``denied``, ``bucket`` …), never a secret.
    """

    request_id: str
    face: str
    operation: str
    principal: str
    method: str
    path: str
    peer: str
    status: int
    bytes_in: int
    bytes_out: int
    at: float
    seconds: float
    fields: dict[str, str | int | float]


class Headers(Protocol):
    """Request headers, case-insensitive."""

    def get(self, name: str, /) -> str | None:
        """The first value, or None."""
        ...


class Telemetry(Protocol):
    """One per worker. All calls are quick and never raise."""

    def begin(self, request_id: str, headers: Headers | Mapping[str, str]) -> None:
        """A request's head has arrived: count it as in flight, take over its W3C trace context."""
        ...

    def finish(self, finished: Finished) -> str:
        """It has been answered: count, time, log, and end its span. Returns its trace's id, empty without one."""
        ...

    def answered(self, headers: Headers | Mapping[str, str], finished: Finished) -> str:
        """``begin`` and ``finish`` of a request that was answered as soon as it came: it never was in flight."""
        ...

    def answered_together(self, answered: Sequence[Finished]) -> Sequence[str]:
        """``answered`` of several whose headers hold no trace context, a moment later; their traces, in their order."""
        ...
