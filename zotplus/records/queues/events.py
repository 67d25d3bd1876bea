"""Records of events: those still to be delivered, in order for each webhook, and those that could not be."""

from collections.abc import Iterator

import msgspec

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.shape import Shape


class EventRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An event for one webhook. ``name`` is without ``s3:``; ``rule`` is the id of the configuration that asked.

    ``attempts`` have failed so far, the last for ``reason``; it is not tried again before ``due_ms``.
    """

    name: str
    bucket: str
    owner: str
    region: str
    rule: str
    key: str
    time_ms: int
    size: int = 0
    etag: str = ""
    version: str | None = None
    principal: str = ""
    request_id: str = ""
    address: str = ""
    attempts: int = 0
    due_ms: int = 0
    reason: str = ""


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An event that was given up at ``died_ms``."""

    webhook: str
    died_ms: int
    event: EventRecord


EVENT = Shape(b"e\x01", EventRecord)
DEAD_LETTER = Shape(b"E\x01", DeadLetterRecord)


def next_event(transaction: Transaction, now_ms: int) -> int:
    """A number that no event had before, and greater than all of them.

    It follows the clock, so that a store made from a backup does not give again what was given after the backup.
    """
    last = last_event(transaction)
    number = max(last + 1, now_ms * 1000)
    transaction.put(layout.LAST_EVENT, number.to_bytes(layout.SEQUENCE_BYTES, "big"))
    return number


def last_event(snapshot: Snapshot) -> int:
    """The number of the newest event, 0 where there was none."""
    return int.from_bytes(snapshot.get(layout.LAST_EVENT) or b"", "big")


def put_event(transaction: Transaction, webhook: str, number: int, record: EventRecord) -> None:
    """Put an event into the queue of a webhook, or change it there."""
    transaction.put(layout.event(webhook, number), EVENT.encode(record))


def delete_event(transaction: Transaction, webhook: str, number: int) -> None:
    """Take an event out of the queue."""
    transaction.delete(layout.event(webhook, number))


def events_of(snapshot: Snapshot, webhook: str) -> Iterator[tuple[int, EventRecord]]:
    """Number and record of all events that wait for a webhook, in order."""
    for key, value in snapshot.scan(*layout.table_span(layout.events_of(webhook))):
        yield layout.event_number(key), EVENT.decode(value)


def webhooks_waited_for(snapshot: Snapshot) -> Iterator[str]:
    """The names of all webhooks that events wait for; one seek for each."""
    start: bytes | None = layout.EVENTS
    while start is not None:
        first = next(iter(snapshot.scan(start, layout.after(layout.EVENTS))), None)
        if first is None:
            return
        webhook = layout.webhook_of_event(first[0])
        yield webhook
        start = layout.after(layout.events_of(webhook))


def put_dead_letter(transaction: Transaction, number: int, record: DeadLetterRecord) -> None:
    """Keep an event that was given up."""
    transaction.put(layout.dead_letter(number), DEAD_LETTER.encode(record))


def find_dead_letter(snapshot: Snapshot, number: int) -> DeadLetterRecord | None:
    """The dead letter of that number, or None."""
    data = snapshot.get(layout.dead_letter(number))
    return None if data is None else DEAD_LETTER.decode(data)


def delete_dead_letter(transaction: Transaction, number: int) -> bool:
    """Forget a dead letter; whether it was there."""
    return transaction.delete(layout.dead_letter(number))


def dead_letters(snapshot: Snapshot, after: int = -1) -> Iterator[tuple[int, DeadLetterRecord]]:
    """Number and record of the dead letters above ``after``, the oldest first."""
    for key, value in snapshot.scan(layout.dead_letter(after + 1), layout.after(layout.DEAD_LETTERS)):
        yield layout.dead_letter_number(key), DEAD_LETTER.decode(value)
