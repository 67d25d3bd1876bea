"""Proving that what is stored is what was written: every blob and every inline content is hashed again.

A damaged blob is set aside, so that it is served no more; what refers to it is named in the report. References are
counted anew. The scrub may run while everything else goes on.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.blobs import DIGEST_BYTES, Blobs
from zotplus.ports.keyvalue import KeyValue
from zotplus.records import layout
from zotplus.records.blobs import REFERENCE, ReferenceRecord, find_reference
from zotplus.records.objects import decode_object
from zotplus.services.configuration.counting import Usage
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.upkeep.references import (
    bucket_name,
    bucket_names,
    correct_counts,
    find_miscounts,
    object_name,
    pages,
    referrers,
)


class FindingKind(StrEnum):
    """What is wrong with it."""

    DAMAGED = "damaged"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    MISCOUNTED = "miscounted"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong: a blob (``digest`` in hexadecimal) or, without digest, an object's record or a bucket's usage.

    ``objects`` says who refers to it: ``bucket/key``.
    """

    kind: FindingKind
    digest: str = ""
    detail: str = ""
    objects: tuple[str, ...] = ()


class Progress(msgspec.Struct, kw_only=True):
    """How far a scrub has come."""

    blobs: int = 0
    objects: int = 0
    read_bytes: int = 0


class ScrubReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that was looked at and found; ``repaired`` counts reference counts that were corrected."""

    progress: Progress
    findings: tuple[Finding, ...]
    repaired: int = 0


class Scrub:
    """Scrubbing over both ports. ``bytes_per_second`` bounds how fast content is read; None: as fast as it goes."""

    def __init__(
        self, store: KeyValue, blobs: Blobs, *, bytes_per_second: float | None = None, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._rate = bytes_per_second
        self._clock = clock

    async def run(self, *, repair: bool = False, on_progress: Callable[[Progress], None] | None = None) -> ScrubReport:
        """Look at everything once; ``on_progress`` is called after each blob. ``repair`` corrects wrong counts."""
        progress, started = Progress(), time.monotonic()
        found: list[Finding] = []
        async for key, value in pages(self._store, layout.REFERENCES):
            finding = await self._judge_blob(key[1:], REFERENCE.decode(value), (progress, started))
            if finding is not None:
                found.append(finding)
            progress.blobs += 1
            if on_progress is not None:
                on_progress(progress)
        found += await self._judge_records(progress)
        miscounts = await find_miscounts(self._store)
        found += [
            Finding(
                kind=FindingKind.MISCOUNTED,
                digest=one.digest.hex(),
                detail=f"recorded {'nothing' if one.recorded is None else one.recorded}, counted {one.counted}",
            )
            for one in miscounts
        ]
        repaired = (
            await correct_counts(self._store, miscounts, milliseconds(self._clock())) if repair and miscounts else 0
        )
        drifts = await Usage(self._store).prove(repair=repair)
        found += [
            Finding(
                kind=FindingKind.MISCOUNTED,
                detail=f"the usage of bucket {one.bucket}: recorded {one.recorded[0]} bytes in {one.recorded[1]} "
                f"objects and {one.recorded[2]} in parts, counted {one.counted[0]} in {one.counted[1]} and "
                f"{one.counted[2]}",
            )
            for one in drifts
        ]
        repaired += len(drifts) if repair else 0
        return ScrubReport(progress=progress, findings=await self._with_referrers(found), repaired=repaired)

    async def _judge_blob(
        self, digest: bytes, record: ReferenceRecord, state: tuple[Progress, float]
    ) -> Finding | None:
        if record.count == 0:
            return None  # the collector's
        try:
            found, size = await self._hash(digest.hex(), state)
        except Problem as problem:
            if problem.fault is not errors.BLOB_MISSING:
                return Finding(kind=FindingKind.UNREADABLE, digest=digest.hex(), detail=problem.detail)
            still = await self._store.read(lambda snapshot: find_reference(snapshot, digest))
            is_missing = still is not None and still.count > 0
            return Finding(kind=FindingKind.MISSING, digest=digest.hex()) if is_missing else None
        if found == digest[:DIGEST_BYTES] and size == record.size:
            return None
        await self._blobs.quarantine(digest.hex())
        return Finding(kind=FindingKind.DAMAGED, digest=digest.hex(), detail=f"{size} bytes hash to {found.hex()}")

    async def _hash(self, digest: str, state: tuple[Progress, float]) -> tuple[bytes, int]:
        """SHA-256 and size of a blob as it is on disk, at no more than the rate. Raises ``BLOB_MISSING``."""
        progress, started = state
        sha256, size = hashlib.sha256(), 0
        async for chunk in self._blobs.read(digest):
            await asyncio.to_thread(sha256.update, chunk)
            size += len(chunk)
            progress.read_bytes += len(chunk)
            if self._rate is not None:
                await asyncio.sleep(max(0.0, started + progress.read_bytes / self._rate - time.monotonic()))
        return sha256.digest(), size

    async def _judge_records(self, progress: Progress) -> list[Finding]:
        """Objects whose record, inline content included, is not what was stored: it carries its own sum."""
        found = []
        names = await bucket_names(self._store)
        for table in (layout.OBJECTS, layout.VERSIONS):
            async for key, value in pages(self._store, table):
                progress.objects += 1
                try:
                    decode_object(value)
                except Problem as problem:
                    name = f"{bucket_name(names, key)}/{object_name(key)}"
                    found.append(Finding(kind=FindingKind.DAMAGED, detail=problem.detail, objects=(name,)))
        return found

    async def _with_referrers(self, found: list[Finding]) -> tuple[Finding, ...]:
        who = await referrers(self._store, {bytes.fromhex(one.digest) for one in found if one.digest})
        return tuple(
            [
                msgspec.structs.replace(one, objects=tuple(who[bytes.fromhex(one.digest)])) if one.digest else one
                for one in found
            ]
        )
