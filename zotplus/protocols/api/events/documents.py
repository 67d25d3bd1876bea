"""The JSON documents about events. What ``protocols/api/documents.py`` says holds for them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=64)]
EventId = Annotated[str, Meta(pattern=r"^evt_[0-7][0-9a-f]{15}$")]


class QueueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How a webhook's queue is.

    ``configured`` is false for a name that the settings do not have. ``waiting`` events are counted, and where ``more``
    is true there are more. ``oldest`` is when the first happened (null where none waits); ``attempts`` to deliver it
    have failed, the last for ``reason``.
    """

    webhook: str
    configured: bool
    waiting: int
    more: bool
    oldest: datetime | None
    attempts: int
    reason: str


class EventStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Every webhook's queue."""

    queues: tuple[QueueDocument, ...]


class DeadLetterDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up at ``died``."""

    id: str
    webhook: str
    event: str
    bucket: str
    key: str
    version: str | None
    time: datetime
    attempts: int
    reason: str
    died: datetime


class DeadLetterList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of dead letters, the oldest first; ``next`` is the id to go on after, null on the last page."""

    dead_letters: tuple[DeadLetterDocument, ...]
    next: str | None


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters: one by its ``id``, those of a ``webhook``, or ``all``; exactly one of these."""

    id: EventId | None = None
    webhook: Name | None = None
    all: bool = False

    def __post_init__(self) -> None:
        if [self.id is not None, self.webhook is not None, self.all].count(True) != 1:
            raise ValueError("name exactly one of id, webhook and all")


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many dead letters that were."""

    count: int
