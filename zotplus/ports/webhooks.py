"""Somebody else's HTTP endpoints that are told of events."""

from typing import Protocol

import msgspec

from zotplus.domain.storage.messages import Event


class Delivered(msgspec.Struct, frozen=True):
    """The endpoint has taken the event."""


class Undelivered(msgspec.Struct, frozen=True):
    """It has not, for a ``reason`` that people read; ``wait`` is how many seconds it asked to be left alone."""

    reason: str
    wait: float = 0.0


class Webhooks(Protocol):
    """The endpoints of the settings, by their names."""

    async def send(self, name: str, event: Event) -> Delivered | Undelivered:
        """Tell ``name`` of ``event``, within its own time limit. Never raises ``Exception``."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
