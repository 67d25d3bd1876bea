"""What is sent of one line of the log, and what an output is."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from zotplus.domain.audit.records import CHECKPOINT_START, EventKind, decode_checkpoint, decode_record, encode

_WARNING, _NOTICE, _INFORMATION = 4, 5, 6
"""Severities of syslog (RFC 5424, table 2)."""
_SEVERITIES = {
    EventKind.DENIED: _WARNING,
    EventKind.LOST: _WARNING,
    EventKind.ADMINISTRATION: _NOTICE,
    EventKind.RETENTION: _NOTICE,
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A record or a checkpoint as JSON ``text``; ``kind`` is an ``EventKind``'s value or ``checkpoint``.

    Checkpoints go along: whoever keeps them elsewhere can prove later what the log was.
    """

    text: bytes
    stream: str
    time: str
    kind: str
    severity: int = _INFORMATION
    trace: str = ""


class Output(Protocol):
    """One place."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Hand over ``messages``, all or (raising ``OSError``) perhaps some of them: then they are sent again."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def message_of(stream: str, line: bytes) -> Message | None:
    """What is sent of ``line``; None where it cannot be read, which verifying reports."""
    if line.startswith(CHECKPOINT_START):
        checkpoint = decode_checkpoint(line)
        if checkpoint is None:
            return None
        return Message(text=line, stream=stream, time=checkpoint.time, kind="checkpoint")
    record = decode_record(line)
    if record is None:
        return None
    return Message(
        text=encode(msgspec.structs.replace(record, stream=stream)),
        stream=stream,
        time=record.time,
        kind=record.kind.value,
        severity=_SEVERITIES.get(record.kind, _INFORMATION),
        trace=record.trace,
    )


def shortened(message: Message, limit: int) -> bytes:
    """The text within ``limit`` bytes: a record too long is told without its decisions, which the log has."""
    record = decode_record(message.text) if len(message.text) > limit else None
    if record is None:
        return message.text[:limit]
    count = record.more_decisions + len(record.decisions)
    plain = msgspec.structs.replace(record, decisions=(), more_decisions=count, details={}, path=record.path[:100])
    return encode(plain)[:limit]
