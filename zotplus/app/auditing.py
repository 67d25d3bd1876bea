"""The audit log of one process: its stream, the heads that the store keeps of it, and reading all streams."""

import asyncio
import contextlib
import time
from functools import partial
from pathlib import Path

import structlog

from zotplus.adapters.audit import signing
from zotplus.adapters.audit.appending import Appender, Stream
from zotplus.adapters.audit.archive import FileArchive
from zotplus.adapters.audit.signing import Ed25519Signer, Verifier
from zotplus.adapters.audit.stream import AuditStream
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb
from zotplus.domain import errors
from zotplus.domain.audit.verification import StreamReport
from zotplus.domain.errors import Problem
from zotplus.gateway.auditing import UNAUDITED, AuditTrail
from zotplus.ports.audit import AuditLog
from zotplus.ports.keyvalue import KeyValue, SupportsImmediateRead
from zotplus.ports.sealing import Sealing
from zotplus.records.access import generation
from zotplus.services.audit import evidence
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.audit")

AUDIT_FOLDER = "audit"
"""Below the data folder."""


class ProcessAudit:
    """The stream ``process`` (``worker-0``, ``janitor``), and a task that stores how far it has come."""

    def __init__(self, settings: Settings, store: KeyValue, sealing: Sealing) -> None:
        self._settings = settings
        self._store = store
        self._sealing = sealing
        self._name = ""
        self._kept = b""
        self._keeping: asyncio.Task[None] | None = None
        self.stream: AuditStream | None = None
        self.signer: Ed25519Signer | None = None

    async def open(self, process: str) -> AuditStream:
        """Take the stream up. Raises ``STORAGE_FAILED``, ``STORAGE_FULL``, ``DATA_DIR_BUSY``."""
        self._name = process
        self.signer = Ed25519Signer(await evidence.signing_key(self._store, self._sealing, signing))
        known = await evidence.known(self._store)
        settings = self._settings.audit
        stream = Stream(
            name=process,
            folder=audit_folder(self._settings) / process,
            signer=self.signer,
            verify=Verifier(known.keys),
            file_bytes=settings.file_mib << 20,
        )
        self._kept = known.heads.get(process, b"")
        appender = Appender(stream, self._kept)
        self.stream = AuditStream(appender, checkpoint_seconds=settings.checkpoint_seconds)
        self._keeping = asyncio.create_task(self._keep(settings.checkpoint_seconds))
        return self.stream

    async def close(self) -> None:
        """Write what waits, make the last checkpoint and store it."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        if self.stream is not None:
            await asyncio.to_thread(self.stream.close)
            await self._store_head()

    async def _keep(self, seconds: float) -> None:
        while True:
            await self._store_head()
            await asyncio.sleep(seconds)

    async def _store_head(self) -> None:
        head = self.stream.head if self.stream is not None else b""
        if head == self._kept:
            return
        try:
            await evidence.keep_head(self._store, self._name, head)
        except Problem as problem:  # tried again with the next one; the log itself goes on
            log.warning("audit_head_not_stored", fault=problem.fault.code)
        else:
            self._kept = head


def audit_folder(settings: Settings) -> Path:
    """Where the streams are."""
    return settings.data / AUDIT_FOLDER


def archive(settings: Settings, store: KeyValue) -> FileArchive:
    """All streams of the server, for reading."""
    return FileArchive(audit_folder(settings), partial(evidence.known, store))


def verify_audit(settings: Settings) -> tuple[StreamReport, ...]:
    """How each stream in the data folder is, without a server. Raises ``RECORD_NOT_FOUND`` where there is no store."""
    if not Path(settings.metadata.path).exists():
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no store in {settings.data.absolute()}.")
    return asyncio.run(_verify(settings))


async def _verify(settings: Settings) -> tuple[StreamReport, ...]:
    store = KeyValueLmdb(settings.metadata)
    try:
        return await archive(settings, store).verify()
    finally:
        await store.close()


def trail(settings: Settings, store: KeyValue, audit_log: AuditLog | None) -> AuditTrail:
    """What the servers of a worker tell of requests."""
    if audit_log is None:
        return UNAUDITED
    read_now = store.read_now if isinstance(store, SupportsImmediateRead) else None
    return AuditTrail(
        audit_log,
        anonymous_reads=settings.audit.anonymous_reads,
        required=settings.audit.required,
        generation=int if read_now is None else partial(read_now, generation),
    )


def day_before(days: int) -> float:
    """The second, since the epoch, that was ``days`` ago."""
    return time.time() - days * 86_400
