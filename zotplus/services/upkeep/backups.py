"""Backups while serving: a consistent copy of the metadata first, then every blob that it may refer to.

The order is what makes it right: a blob that the copy refers to had a record when the copy was made, and while a backup
holds collection, no record and no blob with one is removed. A blob that came later is copied too, which does no harm.
Blobs never change, so a second backup to the same place copies only what is new.
"""

import asyncio
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import Blobs, create_with, split_address
from zotplus.ports.keyvalue import KeyValue
from zotplus.records import layout
from zotplus.records.blobs import HOLD, REFERENCE, HoldRecord
from zotplus.services.lookups import milliseconds
from zotplus.services.upkeep.references import pages

METADATA_FOLDER = "metadata"
"""The copy that the metadata engine made."""
MANIFEST = "manifest.txt"
"""A line for each blob: its address (digest, and storage class where it has one), blank, size in bytes."""
HOLD_SECONDS = 600.0
"""How long collection waits for a backup that died; one that lives renews its hold three times as often."""


class Omission(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation needs beside its backup, and where that is: an absolute path, an address or a setting."""

    what: str
    where: str


class BackupReport(msgspec.Struct, kw_only=True):
    """What was done: blobs in all, those copied now and their bytes, and the digests that could not be.

    ``left_out`` is what no backup holds and somebody has to keep, or after a restore put in place, by other means.
    """

    blobs: int = 0
    copied: int = 0
    copied_bytes: int = 0
    missing: list[str] = []
    damaged: list[str] = []
    left_out: list[Omission] = []


class Backups:
    """Backups of ``store`` and ``blobs``; content goes to ``target``, which may hold earlier backups' blobs."""

    def __init__(self, store: KeyValue, blobs: Blobs, target: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._target = target

    async def create(self, folder: Path) -> BackupReport:
        """Write metadata and manifest into the empty ``folder`` and copy blobs to the target.

        A blob that cannot be copied is in the report, and everything else is still saved. Raises ``STORAGE_FAILED``,
        ``STORAGE_FULL``.
        """
        async with self._hold_collection():
            # 1. The metadata, at one moment.
            await self._store.backup(str(folder / METADATA_FOLDER))
            # 2. Every blob with a record, those without references too: the copy may still refer to them.
            return await self._copy_blobs(folder / MANIFEST)

    async def _copy_blobs(self, manifest: Path) -> BackupReport:
        report = BackupReport()
        lines: list[str] = []
        async for key, value in pages(self._store, layout.REFERENCES):
            record, digest = REFERENCE.decode(value), key[1:].hex()
            await _copy_into(report, (self._blobs, self._target), digest, record.size)
            lines.append(f"{digest} {record.size}\n")
        await asyncio.to_thread(manifest.write_text, "".join(lines))
        return report

    @contextlib.asynccontextmanager
    async def _hold_collection(self) -> AsyncIterator[None]:
        key = layout.hold(secrets.token_hex(8))
        await self._renew(key)
        renewing = asyncio.ensure_future(self._keep_renewing(key))
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
            await self._store.write(lambda transaction: transaction.delete(key))

    async def _keep_renewing(self, key: bytes) -> None:
        while True:
            await asyncio.sleep(HOLD_SECONDS / 3)
            await self._renew(key)

    async def _renew(self, key: bytes) -> None:
        record = HoldRecord(until_ms=milliseconds(time.time() + HOLD_SECONDS), reason="backup")
        await self._store.write(lambda transaction: transaction.put(key, HOLD.encode(record)))


async def restore_blobs(manifest: Path, store: KeyValue, source: Blobs, target: Blobs) -> BackupReport:
    """Copy every blob of ``manifest`` from a backup's blobs to an installation's, verifying each.

    ``store`` is the backup's metadata. Before anything is copied, raises ``ARGUMENT_INVALID`` or ``DIGEST_MALFORMED``
    for a file that is no manifest, ``STORAGE_FAILED`` for a store that no server wrote, ``BLOB_MISSING`` where the
    manifest lacks a blob that the metadata name.
    """
    listed = await _read_manifest(manifest)
    await _require_written(store)
    async for key, _ in pages(store, layout.REFERENCES):
        if key[1:].hex() not in listed:
            raise Problem(errors.BLOB_MISSING, f"The backup's {manifest.name} lacks a blob.", digest=key[1:].hex())
    report = BackupReport()
    for digest, size in listed.items():
        await _copy_into(report, (source, target), digest, size)
    return report


async def _read_manifest(manifest: Path) -> dict[str, int]:
    text = await asyncio.to_thread(manifest.read_text, "ascii", "replace")
    listed: dict[str, int] = {}
    for line in text.splitlines():
        digest, _, size = line.partition(" ")
        if not size.isascii() or not size.isdigit():
            raise Problem(errors.ARGUMENT_INVALID, f"{manifest.name} is no manifest of a backup.")
        split_address(digest)
        listed[digest] = int(size)
    return listed


async def _require_written(store: KeyValue) -> None:
    """The first start makes an administrator, so that no server's metadata are empty."""
    if await store.read(lambda snapshot: next(iter(snapshot.scan(b"\0", None)), None)) is None:
        raise Problem(errors.STORAGE_FAILED, "The backup's metadata hold no records.")


async def _copy_into(report: BackupReport, ways: tuple[Blobs, Blobs], digest: str, size: int) -> None:
    """Copy one blob unless the target has it, and note what became of it."""
    report.blobs += 1
    there = await ways[1].stat(digest)
    if there is not None and there.size == size:
        return
    try:
        await _copy(ways, digest)
    except Problem as problem:
        if problem.fault is errors.BLOB_MISSING:
            report.missing.append(digest)
        elif problem.fault is errors.BLOB_CORRUPT:
            report.damaged.append(digest)
        else:
            raise
        return
    report.copied += 1
    report.copied_bytes += size


async def _copy(ways: tuple[Blobs, Blobs], digest: str) -> None:
    """Copy and hash; nothing is left of a blob that is not what its name says. Raises ``BLOB_CORRUPT``."""
    own, storage_class = split_address(digest)
    writer, sha256 = await create_with(ways[1], storage_class.encode()), hashlib.sha256()
    try:
        async for chunk in ways[0].read(digest):
            await asyncio.gather(asyncio.to_thread(sha256.update, chunk), writer.write(chunk))
        _require_equal(sha256.hexdigest(), own)
        await writer.commit(digest)
    except BaseException:
        await writer.cancel()
        raise


def _require_equal(found: str, digest: str) -> None:
    if found != digest:
        raise Problem(errors.BLOB_CORRUPT, digest=digest)
