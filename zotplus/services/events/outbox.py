"""The queues of events, one for each webhook: what is due, and what became of what was sent.

An event stays until its delivery is written down, so a crash can only have one delivered twice. The events of one key
are given out in order, and none while an earlier one waits for its next attempt.
"""

import time
from collections.abc import Sequence
from itertools import chain, islice, zip_longest

import msgspec

from zotplus.domain.storage.messages import Event
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.queues import events as stored
from zotplus.records.queues.events import DeadLetterRecord, EventRecord
from zotplus.services.lookups import Clock, milliseconds, now_ms

SCAN_MAX = 10_000
"""Events of a queue that are looked at to find those due; what waits behind as many that wait themselves, waits."""


class Waiting(msgspec.Struct, frozen=True):
    """An event in the queue of ``webhook``."""

    webhook: str
    number: int
    record: EventRecord

    @property
    def order(self) -> tuple[str, str]:
        """What must be told in order: bucket and key."""
        return self.record.bucket, self.record.key

    @property
    def event(self) -> Event:
        """As it is told."""
        return event_of(self.number, self.record)


class Failed(msgspec.Struct, frozen=True):
    """An attempt that failed: the next comes ``wait`` seconds from now, or never where it is ``given_up``.

    ``attempted`` is False for an event that is given up without another attempt.
    """

    waiting: Waiting
    reason: str
    wait: float = 0.0
    given_up: bool = False
    attempted: bool = True


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How the queue of a webhook is: how many wait (``more`` than that), since when, and why the first failed last."""

    webhook: str
    waiting: int
    more: bool
    oldest: float
    attempts: int
    reason: str


class Outbox:
    """All queues, over the key-value port."""

    def __init__(self, store: KeyValue, *, clock: Clock = time.time) -> None:
        self._store = store
        self._clock = clock

    async def newest(self) -> int:
        """The number of the newest event ever: while it is the same, no queue has grown."""
        return await self._store.read(stored.last_event)

    async def webhooks(self) -> tuple[str, ...]:
        """The webhooks that events wait for."""
        return await self._store.read(lambda snapshot: tuple(stored.webhooks_waited_for(snapshot)))

    async def due(self, webhook: str, limit: int) -> tuple[Waiting, ...]:
        """Events that may be sent now: the buckets take turns, and what each has comes in order.

        So nobody who shares the webhook waits for all that another bucket has.
        """
        now = now_ms(self._clock)

        def find(snapshot: Snapshot) -> tuple[Waiting, ...]:
            found: dict[str, list[Waiting]] = {}
            held: set[tuple[str, str]] = set()
            for number, record in islice(stored.events_of(snapshot, webhook), SCAN_MAX):
                waiting = Waiting(webhook, number, record)
                if record.due_ms > now or waiting.order in held:
                    held.add(waiting.order)
                    continue
                of_bucket = found.setdefault(record.bucket, [])
                if len(of_bucket) < limit:
                    of_bucket.append(waiting)
            turns = chain.from_iterable(zip_longest(*found.values()))
            return tuple(islice((one for one in turns if one is not None), limit))

        return await self._store.read(find)

    async def settle(self, delivered: Sequence[Waiting], failed: Sequence[Failed]) -> None:
        """Write down what became of events.

        What was delivered comes first and by itself: it only removes, which goes on when a disk is full, and nothing
        must be told again and again because there is no room to note that something else failed.
        """
        now = now_ms(self._clock)

        def forget(transaction: Transaction) -> None:
            for waiting in delivered:
                stored.delete_event(transaction, waiting.webhook, waiting.number)

        def note(transaction: Transaction) -> None:
            for one in failed:
                _note_failure(transaction, one, now)

        if delivered:
            await self._store.write(forget)
        if failed:
            await self._store.write(note)

    async def queues(self, scanned: int = SCAN_MAX) -> tuple[Queue, ...]:
        """How every queue is in which something waits; at most ``scanned`` events of each are counted."""

        def look(snapshot: Snapshot) -> tuple[Queue, ...]:
            return tuple([_queue(snapshot, name, scanned) for name in stored.webhooks_waited_for(snapshot)])

        return await self._store.read(look)


def event_of(number: int, record: EventRecord) -> Event:
    """The event that a record holds."""
    return Event(
        number=number,
        name=record.name,
        bucket=record.bucket,
        owner=record.owner,
        region=record.region,
        rule=record.rule,
        key=record.key,
        time=record.time_ms / 1000,
        size=record.size,
        etag=record.etag,
        version=record.version,
        principal=record.principal,
        request_id=record.request_id,
        address=record.address,
    )


def _note_failure(transaction: Transaction, failed: Failed, now: int) -> None:
    waiting = failed.waiting
    record = msgspec.structs.replace(
        waiting.record,
        attempts=waiting.record.attempts + failed.attempted,
        due_ms=now + milliseconds(failed.wait),
        reason=failed.reason,
    )
    if failed.given_up:
        stored.delete_event(transaction, waiting.webhook, waiting.number)
        letter = DeadLetterRecord(webhook=waiting.webhook, died_ms=now, event=record)
        stored.put_dead_letter(transaction, waiting.number, letter)
    else:
        stored.put_event(transaction, waiting.webhook, waiting.number, record)


def _queue(snapshot: Snapshot, webhook: str, scanned: int) -> Queue:
    found = stored.events_of(snapshot, webhook)
    _, first = next(found)
    counted = 1 + sum(1 for _ in islice(found, scanned))
    return Queue(
        webhook=webhook,
        waiting=min(counted, scanned),
        more=counted > scanned,
        oldest=first.time_ms / 1000,
        attempts=first.attempts,
        reason=first.reason,
    )
