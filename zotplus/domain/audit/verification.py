"""Whether a stream is whole: every edit, cut, swap and insertion is found and named.

Pure: lines come in, findings go out; the caller reads files and holds the keys.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from zotplus.domain.audit.chain import block_hash, unpack_sums
from zotplus.domain.audit.records import (
    CHECKPOINT_START,
    Checkpoint,
    CheckpointKind,
    Removed,
    decode_checkpoint,
    decode_removed,
    decode_seq,
    signed_bytes,
)

VerifySignature = Callable[[str, bytes, str], bool]
"""Whether key id, content and signature (hexadecimal) belong together."""


class FindingKind(StrEnum):
    """What is wrong; ``cut`` is an end, a beginning or a whole stream that is gone."""

    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    INSERTED = "inserted"
    CUT = "cut"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a stream, at record ``seq`` or, for a checkpoint, after it."""

    stream: str
    seq: int
    kind: FindingKind
    detail: str


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream is.

    ``first`` and ``last`` are its record numbers, ``unproven`` counts records after the newest checkpoint: those of the
    last second where the stream is being written. ``removed`` is the last record that retention took.
    """

    stream: str
    first: int
    last: int
    checkpoints: int
    unproven: int
    removed: int
    findings: tuple[Finding, ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a stream beside its lines: the newest checkpoint's line, kept apart, and what was removed."""

    head: bytes = b""
    removed: bytes = b""


class StreamVerifier:
    """Takes a stream's lines, oldest first, file by file."""

    def __init__(self, stream: str, evidence: Evidence, verify: VerifySignature) -> None:
        self._stream = stream
        self._verify = verify
        self._head = evidence.head
        self._head_seen = not evidence.head
        self._removed = self._statement(evidence.removed)
        self._previous = b""
        self._covered = 0
        self._first: int | None = None
        self._block: list[bytes] = []
        self._checkpoints = 0
        self._findings: list[Finding] = []

    def file(self, name_seq: int, lines: Iterable[bytes]) -> None:
        """All lines of one file, without their ends; ``name_seq`` is the number that the file's name tells."""
        at_start = True
        for line in lines:
            if at_start:
                self._open(name_seq, line)
                at_start = False
            if line.startswith(CHECKPOINT_START):
                self._checkpoint(line)
            else:
                self._block.append(line)
        if at_start:
            self._found(name_seq, FindingKind.CUT, "the file is empty")

    def report(self) -> StreamReport:
        """What was found, after the last file."""
        self._judge_tail()
        if not self._head_seen:
            head = decode_checkpoint(self._head)
            seq = self._covered if head is None else head.seq
            self._found(seq, FindingKind.CUT, f"the log ends, or was replaced, before its newest checkpoint at {seq}")
        return StreamReport(
            stream=self._stream,
            first=self._covered + 1 if self._first is None else self._first,
            last=self._covered + len(self._block),
            checkpoints=self._checkpoints,
            unproven=len(self._block),
            removed=self._removed.seq if self._removed is not None else 0,
            findings=tuple(self._findings),
        )

    def _open(self, name_seq: int, line: bytes) -> None:
        """The first line of a file: a checkpoint that says what came before it."""
        opening = decode_checkpoint(line)
        if opening is None:
            self._found(name_seq, FindingKind.CUT, "the file does not begin with a checkpoint that can be read")
            return
        if opening.seq + 1 != name_seq:
            self._found(name_seq, FindingKind.EDITED, f"the file is named {name_seq} but begins with {opening.seq + 1}")
        if self._first is not None:
            return
        self._first = name_seq
        self._covered = opening.seq
        if opening.seq == 0 or opening.checkpoint is CheckpointKind.BROKEN:
            return
        removed = self._removed
        if removed is None or opening.seq > removed.seq:
            since = 1 if removed is None else removed.seq + 1
            self._found(since, FindingKind.MISSING, f"records {since} to {opening.seq} are gone, and not by retention")
        elif opening.seq == removed.seq and opening.hash != removed.hash:
            self._found(name_seq, FindingKind.EDITED, "the first file is not the one that retention left")

    def _checkpoint(self, line: bytes) -> None:
        checkpoint = decode_checkpoint(line)
        block, previous = self._block, self._previous
        if checkpoint is None or not self._is_genuine(checkpoint):
            after = self._covered + len(block)
            self._found(after, FindingKind.EDITED, f"the checkpoint after record {after} is not as it was signed")
            block.append(line)
            return
        self._checkpoints += 1
        self._head_seen = self._head_seen or line == self._head
        opens_stream = not previous and not block and self._checkpoints == 1
        if checkpoint.checkpoint is CheckpointKind.BROKEN:
            gone = (
                f"the server found the log cut or damaged when it started; records up to {checkpoint.seq} are affected"
            )
            self._found(checkpoint.seq, FindingKind.CUT, gone)
        elif not opens_stream and checkpoint.hash != block_hash(previous, block):
            self._explain(checkpoint, block)
        elif not opens_stream:
            self._require_numbers(checkpoint, block)
        self._previous, self._covered, self._block = line, checkpoint.seq, []

    def _is_genuine(self, checkpoint: Checkpoint) -> bool:
        signed = self._verify(checkpoint.key, signed_bytes(checkpoint), checkpoint.signature)
        return signed and checkpoint.stream == self._stream

    def _require_numbers(self, checkpoint: Checkpoint, block: Sequence[bytes]) -> None:
        """What was signed must also have been numbered without a gap."""
        numbers = [decode_seq(line) for line in block]
        expected = list(range(self._covered + 1, checkpoint.seq + 1))
        if numbers != expected:
            self._found(
                checkpoint.seq, FindingKind.MISSING, "the numbers of the records before the checkpoint have gaps"
            )

    def _explain(self, checkpoint: Checkpoint, block: Sequence[bytes]) -> None:
        """Name the first record that is not as the checkpoint says."""
        sums = unpack_sums(checkpoint.sums)
        before = checkpoint.seq - len(sums)
        if before != self._covered:
            detail = f"the checkpoint after record {before} is missing or damaged"
            self._found(before, FindingKind.MISSING, detail)
            return
        present = {decode_seq(line) for line in block}
        for seq, line, expected in zip(range(before + 1, checkpoint.seq + 1), block, sums, strict=False):
            if zlib.adler32(line + b"\n") == expected:
                continue
            self._found(seq, *_difference(seq, decode_seq(line), present, len(block) - len(sums)))
            return
        if len(block) < len(sums):
            self._found(before + len(block) + 1, FindingKind.MISSING, f"records up to {checkpoint.seq} are missing")
        elif len(block) > len(sums):
            self._found(checkpoint.seq, FindingKind.INSERTED, f"lines were inserted after record {checkpoint.seq}")
        else:
            detail = f"one of the records {before + 1} to {checkpoint.seq}, or the checkpoint before them, was replaced"
            self._found(before + 1, FindingKind.EDITED, detail)

    def _judge_tail(self) -> None:
        """Records that no checkpoint covers yet can only be looked at."""
        for seq, line in enumerate(self._block, self._covered + 1):
            if decode_seq(line) != seq:
                self._found(seq, FindingKind.EDITED, f"record {seq}, after the newest checkpoint, cannot be read")
                return

    def _statement(self, content: bytes) -> Removed | None:
        if not content:
            return None
        statement = decode_removed(content)
        if statement is None or statement.removed != self._stream:
            return None
        signed = self._verify(statement.key, signed_bytes(statement), statement.signature)
        return statement if signed else None

    def _found(self, seq: int, kind: FindingKind, detail: str) -> None:
        self._findings.append(Finding(stream=self._stream, seq=seq, kind=kind, detail=detail))


def _difference(seq: int, found: int | None, present: set[int | None], surplus: int) -> tuple[FindingKind, str]:
    """What happened where record ``seq`` should be and a line with the number ``found`` is."""
    if found == seq or seq not in present:
        is_gone = found is not None and found != seq
        return (FindingKind.MISSING, f"record {seq} is missing") if is_gone else _edited(seq)
    if surplus > 0:
        return FindingKind.INSERTED, f"a line was inserted before record {seq}"
    return _edited(seq) if found is None else (FindingKind.REORDERED, f"record {seq} is not where it was written")


def _edited(seq: int) -> tuple[FindingKind, str]:
    return FindingKind.EDITED, f"record {seq} was edited"
