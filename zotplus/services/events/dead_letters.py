"""Events that could not be delivered: to be looked at, tried again, or forgotten."""

import re
import time
from functools import partial
from itertools import islice
from typing import Protocol, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.messages import Event
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.queues import events as stored
from zotplus.records.queues.events import DeadLetterRecord, next_event
from zotplus.services.events.outbox import event_of
from zotplus.services.lookups import Clock, milliseconds, now_ms

PAGE_MAX = 1_000
"""Dead letters of one page, and of one step of what is done to all."""
_find_number = re.compile(r"evt_([0-7][0-9a-f]{15})").fullmatch

_Page: TypeAlias = tuple[tuple[int, DeadLetterRecord], ...]


class _Step(Protocol):
    """Something done to chosen dead letters, in a transaction."""

    def __call__(self, transaction: Transaction, *, chosen: _Page) -> None: ...


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up at ``died`` (seconds since the epoch) after ``attempts``, the last for ``reason``."""

    webhook: str
    event: Event
    attempts: int
    reason: str
    died: float


class DeadLetters:
    """Over the key-value port. Events are named by their ids (``Event.id``)."""

    def __init__(self, store: KeyValue, *, clock: Clock = time.time) -> None:
        self._store = store
        self._clock = clock

    async def list(self, after: str = "", limit: int = PAGE_MAX) -> tuple[DeadLetter, ...]:
        """Those after the one named ``after``, the oldest first. Raises ``ARGUMENT_INVALID``."""
        start = number_of(after) if after else -1

        def collect(snapshot: Snapshot) -> tuple[DeadLetter, ...]:
            found = islice(stored.dead_letters(snapshot, start), min(limit, PAGE_MAX))
            return tuple([_letter(number, record) for number, record in found])

        return await self._store.read(collect)

    async def retry(self, id_: str) -> None:
        """Put one back into its queue, as the newest. Raises ``RECORD_NOT_FOUND``, ``ARGUMENT_INVALID``."""
        number = number_of(id_)

        def move(transaction: Transaction) -> None:
            record = stored.find_dead_letter(transaction, number)
            if record is None:
                raise _missing(id_)
            _revive(transaction, number, record, now_ms(self._clock))

        await self._store.write(move)

    async def retry_all(self, webhook: str | None = None) -> int:
        """Put all, or all of ``webhook``, back into their queues in order; how many."""

        def step(transaction: Transaction, *, chosen: _Page) -> None:
            for number, record in chosen:
                if stored.find_dead_letter(transaction, number) is not None:
                    _revive(transaction, number, record, now_ms(self._clock))

        return await self._each(webhook, step)

    async def delete(self, id_: str) -> None:
        """Forget one. Raises ``RECORD_NOT_FOUND``, ``ARGUMENT_INVALID``."""
        number = number_of(id_)
        if not await self._store.write(lambda transaction: stored.delete_dead_letter(transaction, number)):
            raise _missing(id_)

    async def delete_all(self, webhook: str | None = None) -> int:
        """Forget all, or all of ``webhook``; how many."""

        def step(transaction: Transaction, *, chosen: _Page) -> None:
            for number, _ in chosen:
                stored.delete_dead_letter(transaction, number)

        return await self._each(webhook, step)

    async def forget(self, seconds: float) -> int:
        """Forget those that are dead for so long, and at most a page of them; how many. A full page means more."""
        before = now_ms(self._clock) - milliseconds(seconds)

        def remove(transaction: Transaction) -> int:
            page = tuple(islice(stored.dead_letters(transaction), PAGE_MAX))
            old = [number for number, record in page if record.died_ms < before]
            for number in old:
                stored.delete_dead_letter(transaction, number)
            return len(old)

        return await self._store.write(remove)

    async def _each(self, webhook: str | None, step: _Step) -> int:
        """Do ``step`` to those that there are now, in a transaction for each page; how many were meant."""
        done, after, last = 0, -1, await self._store.read(stored.last_event)
        while page := await self._page(after, last):
            chosen = tuple([one for one in page if webhook in (None, one[1].webhook)])
            await self._store.write(partial(step, chosen=chosen))
            done, after = done + len(chosen), page[-1][0]
        return done

    async def _page(self, after: int, last: int) -> _Page:
        def collect(snapshot: Snapshot) -> _Page:
            found = islice(stored.dead_letters(snapshot, after), PAGE_MAX)
            return tuple([(number, record) for number, record in found if number <= last])

        return await self._store.read(collect)


def number_of(id_: str) -> int:
    """The number behind an event's id. Raises ``ARGUMENT_INVALID``."""
    found = _find_number(id_)
    if found is None:
        raise Problem(errors.ARGUMENT_INVALID, "An event's id is evt_ and 16 hexadecimal digits.", argument="id")
    return int(found[1], 16)


def _revive(transaction: Transaction, number: int, record: DeadLetterRecord, now: int) -> None:
    """Back into the queue with a new number: what came after it has been told, so it is the newest now."""
    stored.delete_dead_letter(transaction, number)
    fresh = msgspec.structs.replace(record.event, attempts=0, due_ms=0, reason="")
    stored.put_event(transaction, record.webhook, next_event(transaction, now), fresh)


def _letter(number: int, record: DeadLetterRecord) -> DeadLetter:
    event = record.event
    return DeadLetter(
        webhook=record.webhook,
        event=event_of(number, event),
        attempts=event.attempts,
        reason=event.reason,
        died=record.died_ms / 1000,
    )


def _missing(id_: str) -> Problem:
    return Problem(errors.RECORD_NOT_FOUND, f"There is no dead letter {id_}.")
