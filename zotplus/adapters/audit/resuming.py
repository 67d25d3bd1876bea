"""How a process takes up its stream where the one before it left off, orderly or not."""

import mmap
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from zotplus.adapters.audit.files import files_of, last_checkpoint, mapped, name_of
from zotplus.domain.audit.chain import Chain, Signer
from zotplus.domain.audit.records import CHECKPOINT_START, CheckpointKind, decode_checkpoint, signed_bytes
from zotplus.domain.audit.verification import VerifySignature

log = structlog.get_logger("zotplus.audit")


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What the process before left in its newest file.

    ``path`` is the file to append to after cutting it to ``size`` bytes; ``last`` its newest checkpoint's line, ``seq``
    that checkpoint's number, ``lines`` the records after it with their ends, ``cut`` the bytes of an unfinished one.
    """

    path: Path
    size: int
    last: bytes
    seq: int
    lines: tuple[bytes, ...]
    cut: int


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """The log is not as it was left: a new file begins after record ``seq``."""

    seq: int


def look(folder: Path, stream: str, head: bytes, verify: VerifySignature) -> Left | Broken | None:
    """How the stream in ``folder`` was left; None where there never was one.

    ``head`` is its newest checkpoint's line as the store has it, which one of the last two files must hold: it may be
    the last line before a new file was begun.
    """
    files = _born(files_of(folder))
    expected = decode_checkpoint(head)
    if not files:
        return None if expected is None else _broken(stream, expected.seq, "the files are gone")
    first, path = files[-1]
    with mapped(path) as content:
        left = _left(path, content, stream, verify)
        reached = max(first - 1 + _records_in(content), 0 if expected is None else expected.seq)
    if left is None:
        return _broken(stream, _free(folder, reached), f"{path.name} has no checkpoint that can be believed")
    if expected is not None and not _holds([one for _, one in files[-2:]], head):
        return _broken(stream, _free(folder, reached), f"the checkpoint after record {expected.seq} is gone")
    return left


def take_up(left: Left, stream: str, signer: Signer, now: Callable[[], str]) -> tuple[Chain, bytes]:
    """The chain as it was left, and what is to be appended: a checkpoint over records that had none yet."""
    chain = Chain(stream, signer, seq=left.seq, last=left.last)
    if not left.lines and not left.cut:
        return chain, b""
    chain.add(left.lines)
    log.warning("audit_recovered", stream=stream, records=len(left.lines), cut_bytes=left.cut)
    return chain, chain.checkpoint(CheckpointKind.RECOVERED, now(), cut=left.cut)


def _born(files: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """``files`` without a newest one that was just made when its process died: it holds no line yet, and is removed."""
    while files:
        path = files[-1][1]
        with mapped(path) as content:
            if content.find(b"\n") >= 0:
                break
        path.unlink()
        files = files[:-1]
    return files


def _left(path: Path, content: mmap.mmap | bytes, stream: str, verify: VerifySignature) -> Left | None:
    place = last_checkpoint(content)
    if place is None:
        return None
    last = content[place[0] : place[1]]
    checkpoint = decode_checkpoint(last)
    if checkpoint is None or checkpoint.stream != stream:
        return None
    if not verify(checkpoint.key, signed_bytes(checkpoint), checkpoint.signature):
        return None
    tail = content[place[1] + 1 :]
    whole = tail.rfind(b"\n") + 1
    return Left(
        path=path,
        size=len(content) - len(tail) + whole,
        last=last,
        seq=checkpoint.seq,
        lines=tuple(tail[:whole].splitlines(keepends=True)),
        cut=len(tail) - whole,
    )


def _holds(paths: Sequence[Path], line: bytes) -> bool:
    for path in paths:
        with mapped(path) as content:
            if content.find(line + b"\n") >= 0:
                return True
    return False


def _records_in(content: mmap.mmap | bytes) -> int:
    """Lines that are no checkpoints: how far the numbers may have gone."""
    text = content[:]
    return text.count(b"\n") - text.count(CHECKPOINT_START)


def _free(folder: Path, seq: int) -> int:
    """``seq``, or a later number where a file of that name is in the way."""
    while (folder / name_of(seq + 1)).exists():
        seq += 1
    return seq


def _broken(stream: str, seq: int, reason: str) -> Broken:
    log.error("audit_broken", stream=stream, seq=seq, reason=reason)
    return Broken(seq=seq)
