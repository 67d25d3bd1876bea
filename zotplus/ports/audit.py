"""The audit log as the rest of the program sees it: records go in, pages, single records and a verdict come out."""

from typing import Protocol

import msgspec

from zotplus.domain.audit.filters import Filter
from zotplus.domain.audit.records import Record
from zotplus.domain.audit.verification import StreamReport

PAGE_MAX = 1_000
"""Records of a page at most."""


class AuditLog(Protocol):
    """Where one process's records go."""

    @property
    def is_failing(self) -> bool:
        """Whether the newest records could not be written, so that what happens now may leave no trace."""
        ...

    def take(self, record: Record) -> None:
        """Number ``record`` and encode it, to be written after ``hand_over``. Never raises."""
        ...

    def hand_over(self, *, urgent: bool = False) -> None:
        """Have everything taken so far written within a fifth of a second, or at once. Never raises."""
        ...


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is asked for: of the records that ``filter`` lets through, newest first or ``oldest_first``.

    ``cursor`` is where an earlier page of the same question ended; ``limit`` is 1 to ``PAGE_MAX``.
    """

    filter: Filter
    oldest_first: bool = False
    limit: int = 100
    cursor: str = ""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order that was asked for. ``cursor`` continues; empty where newest-first has reached the end.

    A page may hold fewer records than its limit and still have a cursor: one search reads a bounded part of the log.
    ``is_end`` says that nothing more is there now.
    """

    records: tuple[Record, ...]
    cursor: str
    is_end: bool


class AuditArchive(Protocol):
    """What all processes of the server have written. Reading happens in threads."""

    async def search(self, query: AuditQuery) -> AuditPage:
        """One page. Raises ``ARGUMENT_INVALID`` for a cursor that is not of this question."""
        ...

    async def find(self, decision_id: str) -> Record:
        """The record of a request. Raises ``RECORD_NOT_FOUND``, also for what is no id."""
        ...

    async def verify(self) -> tuple[StreamReport, ...]:
        """How each stream is, by name. Raises ``STORAGE_FAILED`` where it cannot be told."""
        ...
