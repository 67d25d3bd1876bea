"""Old files go, whole, and a signed statement says so: what is left still verifies, and nothing else may be missing."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from zotplus.adapters.audit.files import REMOVED_FILE, files_of, mapped, replace_durably, streams, sync_folder
from zotplus.domain.audit.chain import Signer
from zotplus.domain.audit.records import Removed, decode_checkpoint, decode_removed, encode, signed_bytes
from zotplus.domain.audit.times import timestamp


class RemovedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed of a stream: ``files`` files with the records up to ``seq``."""

    stream: str
    files: int
    seq: int


def remove_old(folder: Path, before: float, signer: Signer, clock: Callable[[], float]) -> tuple[RemovedFiles, ...]:
    """Remove files whose last line is older than ``before`` (seconds since the epoch); the newest of a stream stays.

    Safe to break off anywhere: the statement is there before the first file goes. Raises ``OSError``.
    """
    taken = [_remove_from(folder / name, timestamp(before), signer, timestamp(clock())) for name in streams(folder)]
    return tuple([one for one in taken if one is not None])


def _remove_from(folder: Path, before: str, signer: Signer, now: str) -> RemovedFiles | None:
    files = files_of(folder)
    openings = [_opening(path) for _, path in files]
    kept = 0
    while kept + 1 < len(files) and _begins_before(openings[kept + 1], before):
        kept += 1
    opening = decode_checkpoint(openings[kept]) if kept else None
    if opening is None:
        return None
    statement = folder / REMOVED_FILE
    known = decode_removed(statement.read_bytes()) if statement.is_file() else None
    if known is None or known.seq < opening.seq:
        value = Removed(removed=folder.name, seq=opening.seq, hash=opening.hash, time=now, key=signer.key)
        signed = msgspec.structs.replace(value, signature=signer.sign(signed_bytes(value)))
        replace_durably(statement, encode(signed))
    for _, path in files[:kept]:  # the oldest first, so that what is left never has a gap
        path.unlink()
    sync_folder(folder)
    return RemovedFiles(stream=folder.name, files=kept, seq=opening.seq)


def _opening(path: Path) -> bytes:
    with mapped(path) as content:
        return content[: max(0, content.find(b"\n"))]


def _begins_before(opening: bytes, before: str) -> bool:
    """Whether a file was begun before then, so that the one before it holds nothing younger."""
    checkpoint = decode_checkpoint(opening)
    return checkpoint is not None and checkpoint.time < before
