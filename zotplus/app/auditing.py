"""The audit log of one process: its stream, the heads that the store keeps of it, and reading all streams."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from zotplus.adapters.audit import signing
from zotplus.adapters.audit.appending import Appender, Stream
from zotplus.adapters.audit.archive import FileArchive
from zotplus.adapters.audit.files import AUDIT_FOLDER, FOLDER_MODE
from zotplus.adapters.audit.outputs.shipping import Shipper, output_of
from zotplus.adapters.audit.retention import remove_old
from zotplus.adapters.audit.signing import Ed25519Signer, Verifier
from zotplus.adapters.audit.stream import AuditStream
from zotplus.adapters.keyvalue_lmdb import KeyValueLmdb
from zotplus.domain import errors
from zotplus.domain.audit.records import EventKind, Record
from zotplus.domain.audit.times import timestamp
from zotplus.domain.audit.verification import StreamReport
from zotplus.domain.errors import Problem
from zotplus.gateway.auditing import FLUSH_SECONDS, UNAUDITED, AuditTrail
from zotplus.ports.audit import AuditLog
from zotplus.ports.keyvalue import KeyValue, SupportsImmediateRead
from zotplus.ports.sealing import Sealing
from zotplus.records.access import generation
from zotplus.services.audit import evidence
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.audit")

_DAY_SECONDS = 86_400


class ProcessAudit:
    """The stream ``process`` (``worker-0``, ``janitor``), and tasks that store how far it has come and send it on."""

    def __init__(self, settings: Settings, store: KeyValue, sealing: Sealing) -> None:
        self._settings = settings
        self._store = store
        self._sealing = sealing
        self._name = ""
        self._kept = b""
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: tuple[AuditStream, Ed25519Signer] | None = None

    async def open(self, process: str) -> AuditStream | None:
        """Take the stream up; None where the log is switched off.

        Raises ``STORAGE_FAILED``, ``STORAGE_FULL``, ``DATA_DIR_BUSY``.
        """
        settings = self._settings.audit
        if not settings.enabled:
            return None
        self._name = process
        signer = Ed25519Signer(await evidence.signing_key(self._store, self._sealing, signing))
        known = await evidence.known(self._store)
        stream = Stream(
            name=process,
            folder=audit_folder(self._settings) / process,
            signer=signer,
            verify=Verifier(known.keys),
            file_bytes=settings.file_mib << 20,
        )
        await asyncio.to_thread(_publish, audit_folder(self._settings), known.keys)
        self._kept = known.heads.get(process, b"")
        made = AuditStream(Appender(stream, self._kept), checkpoint_seconds=settings.checkpoint_seconds)
        self._opened = made, signer
        self._tasks.append(asyncio.create_task(self._keep(made, settings.checkpoint_seconds)))
        return made

    def ship(self) -> None:
        """Send all streams to the outputs from now on; one process of the server does."""
        service, folder = self._settings.telemetry.service_name, audit_folder(self._settings)
        outputs = self._settings.audit.outputs if self._opened is not None else ()
        for output in outputs:
            shipper = Shipper(folder, output.label, output_of(output, service))
            self._tasks.append(asyncio.create_task(shipper.run()))

    def append(self, records: Sequence[Record]) -> None:
        """Write ``records`` soon; nothing where the log is switched off."""
        if self._opened is not None and records:
            self._opened[0].append(list(records))

    async def retain(self) -> int:
        """Remove files older than ``audit.retention_days``; how many. Raises ``STORAGE_FAILED``."""
        if self._opened is None:
            return 0
        stream, signer = self._opened
        before = time.time() - self._settings.audit.retention_days * _DAY_SECONDS
        try:
            removed = await asyncio.to_thread(remove_old, audit_folder(self._settings), before, signer, time.time)
        except OSError as error:
            raise Problem(errors.STORAGE_FAILED, f"Old files of the audit log cannot be removed: {error}") from error
        now = timestamp(time.time())
        told: list[dict[str, str | int | float]] = [
            {"stream": one.stream, "files": one.files, "up_to": one.seq} for one in removed
        ]
        if told:
            stream.append([Record(0, now, EventKind.RETENTION, details=details) for details in told], urgent=True)
        return sum(one.files for one in removed)

    async def close(self) -> None:
        """Write what waits, make the last checkpoint and store it."""
        if self._opened is not None:
            await asyncio.sleep(2 * FLUSH_SECONDS)  # what was answered last has been handed over then
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._opened is not None:
            stream, _ = self._opened
            await asyncio.to_thread(stream.close)
            await self._store_head(stream)

    async def _keep(self, stream: AuditStream, seconds: float) -> None:
        while True:
            await self._store_head(stream)
            await asyncio.sleep(seconds)

    async def _store_head(self, stream: AuditStream) -> None:
        head = stream.head
        if head == self._kept:
            return
        try:
            await evidence.keep_head(self._store, self._name, head)
        except Problem as problem:  # tried again with the next one; the log itself goes on
            log.warning("audit_head_not_stored", fault=problem.fault.code)
        else:
            self._kept = head


def _publish(folder: Path, keys: Mapping[str, bytes]) -> None:
    """The public keys beside the log, for whoever verifies by hand; verifying here takes those of the store."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name, public in keys.items():
        path = folder / f"key-{name}.pem"
        with contextlib.suppress(OSError):  # a full disk; the next start makes up for it
            if not path.exists():
                path.write_bytes(signing.pem(public))


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
