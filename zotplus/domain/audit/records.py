"""The lines of the audit log as values.

A stream is a sequence of lines in files: records, numbered from 1 without gaps, and checkpoints between them. A
checkpoint line begins with ``{"checkpoint":``, which no record does, and JSON text holds no raw line end, so that
checkpoints are found in a file without reading what lies between.
"""

from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from zotplus.domain.iam import Layer

T = TypeVar("T")

AGENT_MAX: Final = 200
"""Characters of a User-Agent that are kept: browsers' own have about 120, and a client may send 16 KiB."""
PATH_MAX: Final = 2_048
"""Characters of a path that are kept; the longest S3 key has 1,024 bytes, its percent-encoded form three times that."""
DECISIONS_MAX: Final = 32
"""Decisions that a record names; of the rest (a listing asks once an item) it holds the number."""
CHECKPOINT_START: Final = b'{"checkpoint":'


class EventKind(StrEnum):
    """What a record is about.

    ``denied`` wins over the others: whoever looks for refusals finds all of them by one word. ``lost`` says that
    records are missing because the disk took none, ``retention`` that old files were removed. ``lifecycle`` is what the
    janitor did to an object because a bucket's rule says so.
    """

    REQUEST = "request"
    LOGIN = "login"
    EXCHANGE = "exchange"
    ADMINISTRATION = "administration"
    DENIED = "denied"
    LOST = "lost"
    RETENTION = "retention"
    LIFECYCLE = "lifecycle"


class Who(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The principal: as ``domain.principals.Principal``. ``claims`` are its condition keys with their values."""

    id: str
    kind: str
    name: str = ""
    credential: str = ""
    names: tuple[str, ...] = ()
    claims: dict[str, tuple[str, ...]] = {}


class Decided(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One answer of the evaluator, as ``domain.iam.Allowed`` and ``Denied``; ``reason`` is a denial's."""

    action: str
    resource: str
    allowed: bool
    policy: str = ""
    statement: str = ""
    reason: str = ""
    layer: Layer = Layer.IDENTITY


class Record(msgspec.Struct, omit_defaults=True, gc=False):
    """One event; not frozen, because its stream gives it its number when it is appended.

    ``time`` is that of the answer, RFC 3339 in UTC to the millisecond; ``id`` the request's, which is the decision's
    too, and begins with the second in which the request came (hexadecimal). ``fault`` is the code of a refusal.
    ``bytes_in`` and ``bytes_out`` count bodies. ``generation`` is that of grants and policies (0 where not known).
    ``details`` are what the log says beside, never a secret. ``stream`` is set where a record is read, not in files.
    """

    seq: int
    time: str
    kind: EventKind
    id: str = ""
    face: str = ""
    operation: str = ""
    who: Who | None = None
    decisions: tuple[Decided, ...] = ()
    more_decisions: int = 0
    status: int = 0
    fault: str = ""
    method: str = ""
    path: str = ""
    peer: str = ""
    agent: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    trace: str = ""
    generation: int = 0
    details: dict[str, str | int | float] = {}
    stream: str = ""


class CheckpointKind(StrEnum):
    """Why there is a checkpoint.

    ``begun`` and ``continued`` open a file, ``regular`` comes while there is something new, ``closed`` at an orderly
    end. ``recovered`` says that the process before died and what it wrote since its last checkpoint was taken over.
    ``broken`` says that the log was found cut or damaged at a start, so that this stays known.
    """

    BEGUN = "begun"
    CONTINUED = "continued"
    REGULAR = "regular"
    CLOSED = "closed"
    RECOVERED = "recovered"
    BROKEN = "broken"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One checkpoint line.

    ``seq`` is the last record before it. ``hash`` is the SHA-256, in hexadecimal, of all bytes from the start of the
    checkpoint line before it to the start of this one; ``sums`` is base64 of the Adler-32 (4 bytes, big-endian) of each
    record in between, to tell which one was edited. ``cut`` counts bytes of an unfinished line that were dropped.
    ``signature`` is Ed25519, in hexadecimal, over the line's JSON without it, by the key ``key``.
    """

    checkpoint: CheckpointKind
    stream: str
    seq: int
    time: str
    hash: str
    key: str
    sums: str = ""
    cut: int = 0
    signature: str = ""


class Removed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The signed statement of retention: the stream's records up to ``seq`` were removed, in the files that held them.

    ``hash`` is that of the checkpoint that opens the first file kept. ``signature`` is as a checkpoint's.
    """

    removed: str
    seq: int
    hash: str
    time: str
    key: str
    signature: str = ""


class _Numbered(msgspec.Struct, frozen=True):
    """What the number of a record is read from."""

    seq: int


_RECORD: Final = msgspec.json.Decoder(Record)
_CHECKPOINT: Final = msgspec.json.Decoder(Checkpoint)
_REMOVED: Final = msgspec.json.Decoder(Removed)
_NUMBERED: Final = msgspec.json.Decoder(_Numbered)
_ENCODE: Final = msgspec.json.Encoder().encode


def encode(value: Record | Checkpoint | Removed) -> bytes:
    """The one form of a line, without its line end. Raises ``UnicodeEncodeError`` for lone surrogates."""
    return _ENCODE(value)


def decode_record(line: bytes) -> Record | None:
    """The record in ``line``; None where it is none, or damaged."""
    return _decoded(_RECORD, line)


def decode_seq(line: bytes) -> int | None:
    """The number of the record in ``line``; None where it has none."""
    numbered = _decoded(_NUMBERED, line)
    return None if numbered is None else numbered.seq


def decode_checkpoint(line: bytes) -> Checkpoint | None:
    """The checkpoint in ``line``; None where it is none, damaged, or written in any other form than ``encode``'s."""
    found = _decoded(_CHECKPOINT, line)
    return found if found is not None and encode(found) == line else None


def decode_removed(content: bytes) -> Removed | None:
    """The statement in ``content``, as ``decode_checkpoint``."""
    found = _decoded(_REMOVED, content)
    return found if found is not None and encode(found) == content else None


def signed_bytes(value: Checkpoint | Removed) -> bytes:
    """What is signed: the line without the signature."""
    return encode(msgspec.structs.replace(value, signature=""))


def _decoded(decoder: msgspec.json.Decoder[T], line: bytes) -> T | None:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
