"""``ports.audit.AuditArchive`` over the audit folder."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from zotplus.adapters.audit.files import REMOVED_FILE, files_of, mapped, streams, whole_lines
from zotplus.adapters.audit.searching import search
from zotplus.adapters.audit.signing import Verifier
from zotplus.adapters.audit.walking import Walk, at_time
from zotplus.domain import errors
from zotplus.domain.audit.records import Record, decode_record
from zotplus.domain.audit.times import timestamp
from zotplus.domain.audit.verification import Evidence, StreamReport, StreamVerifier
from zotplus.domain.errors import Problem
from zotplus.ports.audit import AuditPage, AuditQuery
from zotplus.services.audit.evidence import Known

FIND_MAX_SECONDS = 10.0
"""How long one record is looked for. But for long transfers it lies within a second of where its id says."""
_SET_BACK_SECONDS = 5.0
_ID = re.compile(r"[0-9A-F]{16}")


class FileArchive:
    """Reads the streams in ``folder``; ``evidence`` is what the store knows of them."""

    def __init__(self, folder: Path, evidence: Callable[[], Awaitable[Known]]) -> None:
        self._folder = folder
        self._evidence = evidence

    async def search(self, query: AuditQuery) -> AuditPage:
        """See ``AuditArchive.search``."""
        return await asyncio.to_thread(search, self._folder, query)

    async def find(self, decision_id: str) -> Record:
        """See ``AuditArchive.find``."""
        found = None
        if _ID.fullmatch(decision_id):
            found = await asyncio.to_thread(_find, self._folder, decision_id)
        if found is None:
            raise Problem(errors.RECORD_NOT_FOUND, "The audit log has no such decision.")
        return found

    async def verify(self) -> tuple[StreamReport, ...]:
        """See ``AuditArchive.verify``."""
        evidence = await self._evidence()  # before the files: what is written meanwhile is only more than it names
        return await asyncio.to_thread(verify_folder, self._folder, evidence)


def verify_folder(folder: Path, evidence: Known) -> tuple[StreamReport, ...]:
    """How each stream in ``folder`` is, and each that should be there."""
    verifier = Verifier(evidence.keys)
    names = sorted({*streams(folder), *evidence.heads})
    return tuple([_verify(folder / name, evidence.heads, verifier) for name in names])


def _verify(folder: Path, heads: Mapping[str, bytes], verifier: Verifier) -> StreamReport:
    statement = folder / REMOVED_FILE
    removed = statement.read_bytes() if statement.is_file() else b""
    known = Evidence(head=heads.get(folder.name, b""), removed=removed)
    judged = StreamVerifier(folder.name, known, verifier)
    files = files_of(folder)
    for number, (first, path) in enumerate(files):
        with mapped(path) as content:
            is_being_made = number == len(files) - 1 and content.find(b"\n") < 0
            if not is_being_made:
                judged.file(first, whole_lines(content))
    return judged.report()


def _find(folder: Path, decision_id: str) -> Record | None:
    came = int(decision_id, 16) >> 32
    needle = f'"id":"{decision_id}"'.encode()
    deadline = time.monotonic() + FIND_MAX_SECONDS
    for name in streams(folder):
        walk = Walk(folder / name, at_time(folder / name, timestamp(came - _SET_BACK_SECONDS)), backward=False)
        try:
            line = walk.find(needle, deadline)
        finally:
            walk.close()
        record = None if line is None else decode_record(line)
        if record is not None:
            return msgspec.structs.replace(record, stream=name)
    return None
