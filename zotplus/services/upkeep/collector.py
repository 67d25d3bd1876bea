"""Removing what nobody refers to any more, while everything else goes on.

Why no write can lose its content: an upload commits its blob first and its reference a moment later. The collector
removes a blob only when it has had no reference, and was not committed, for a grace period that is far longer than that
moment; and the blob store itself refuses to delete what was committed later (``Blobs.delete``). The record of a blob
goes before the blob, in a transaction that looks at the count again, so a crash leaves a blob without a record, which
the walk over the stored blobs finds.
"""

import time
from functools import partial
from itertools import islice

import msgspec

from zotplus.ports.blobs import BlobInfo, Blobs
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.blobs import HOLD, find_reference, forget, holds_end_ms
from zotplus.records.buckets import RENAMED
from zotplus.records.uploads import COMPLETED, UPLOAD
from zotplus.services.completion import MAX_PARTS
from zotplus.services.content.ingest import ASSURED_SECONDS
from zotplus.services.emptying import empty_bucket, remove_upload
from zotplus.services.lookups import milliseconds
from zotplus.services.upkeep.references import pages

GRACE_SECONDS = 3600.0
"""How long a blob without references stays: reads that began before its object went finish within it."""
LEAST_GRACE_SECONDS = 10 * ASSURED_SECONDS
"""Ten times what an upload may take from its blob to its reference without looking again."""
TOMBSTONE_SECONDS = 86_400.0
"""How long a completed upload can be completed again; SDKs give up retrying after minutes."""
UPLOAD_EXPIRY_SECONDS = 7 * 86_400.0
"""How long an unfinished upload is kept; a week is what Amazon suggests for its lifecycle rule."""
BATCH = 500
"""Records that one transaction takes, so that other writers are not kept waiting."""


class Collected(msgspec.Struct, kw_only=True):
    """What one run removed: blobs that lost their references, ``orphans`` that never had one, and the rest.

    ``held`` says that a backup was running, so blobs with a record stayed.
    """

    blobs: int = 0
    orphans: int = 0
    tombstones: int = 0
    expired_uploads: int = 0
    purged_objects: int = 0
    leftovers: int = 0
    held: bool = False


class Collector:
    """Collection over both ports. It may run in any number of processes at once, best in one."""

    def __init__(
        self,
        store: KeyValue,
        blobs: Blobs,
        *,
        grace: float = GRACE_SECONDS,
        upload_expiry: float = UPLOAD_EXPIRY_SECONDS,
    ) -> None:
        if grace < LEAST_GRACE_SECONDS:
            raise ValueError(f"the grace period is at least {LEAST_GRACE_SECONDS:.0f} seconds")
        self._store = store
        self._blobs = blobs
        self._grace = grace
        self._upload_expiry = upload_expiry

    async def run(self, now: float | None = None) -> Collected:
        """Remove what was useless for longer than the grace period at ``now`` (seconds since the epoch).

        Raises ``STORAGE_FAILED``; a later run goes on from there.
        """
        now = time.time() if now is None else now
        collected = Collected()
        await self._empty_purged_buckets(now, collected)
        await self._expire_uploads(now, collected)
        await self._drop_tombstones(now, collected)
        await self._collect_unreferenced(now, collected)
        await self._collect_orphans(now, collected)
        collected.leftovers = await self._blobs.sweep(now - self._grace)
        return collected

    async def _empty_purged_buckets(self, now: float, collected: Collected) -> None:
        def purged(snapshot: Snapshot) -> list[bytes]:
            return [key[1:] for key, _ in snapshot.scan(*layout.table_span(layout.PURGING))]

        for bucket_id in await self._store.read(purged):
            collected.purged_objects += await empty_bucket(self._store, bucket_id, milliseconds(now))

    async def _expire_uploads(self, now: float, collected: Collected) -> None:
        """Abort the multipart uploads that were begun too long ago and neither completed nor aborted."""
        oldest_ms, now_ms = milliseconds(now - self._upload_expiry), milliseconds(now)
        async for key, value in pages(self._store, layout.UPLOADS):
            if UPLOAD.decode(value).initiated_ms <= oldest_ms:
                await self._store.write(partial(remove_upload, upload_key=key, now_ms=now_ms, limit=MAX_PARTS + 1))
                collected.expired_uploads += 1

    async def _drop_tombstones(self, now: float, collected: Collected) -> None:
        """Drop tombstones of completed uploads and of renames, and holds that ended without being released."""
        oldest_ms, start = milliseconds(now - TOMBSTONE_SECONDS), layout.COMPLETED
        while True:
            page = await self._page(start, layout.after(layout.COMPLETED))
            expired = [key for key, value in page if COMPLETED.decode(value).completed_ms <= oldest_ms]
            await self._delete(expired)
            collected.tombstones += len(expired)
            if len(page) < BATCH:
                break
            start = page[-1][0] + b"\0"
        async for key, value in pages(self._store, layout.RENAMED):
            if RENAMED.decode(value).renamed_ms <= oldest_ms:
                await self._delete([key])
                collected.tombstones += 1
        holds = await self._page(*layout.table_span(layout.HOLDS))
        await self._delete([key for key, value in holds if HOLD.decode(value).until_ms <= oldest_ms])

    async def _collect_unreferenced(self, now: float, collected: Collected) -> None:
        until = layout.unreferenced(milliseconds(now - self._grace) + 1, b"")
        while page := await self._page(layout.UNREFERENCED, until):
            entries = [layout.split_unreferenced(key) for key, _ in page]

            def forget_all(transaction: Transaction, entries: list[tuple[int, bytes]] = entries) -> list[bytes] | None:
                if holds_end_ms(transaction) > milliseconds(now):
                    return None
                return [digest for since_ms, digest in entries if forget(transaction, since_ms, digest)]

            # 1. The records go, unless the blobs are referred to again or a backup relies on them.
            forgotten = await self._store.write(forget_all)
            if forgotten is None:
                collected.held = True
                return
            # 2. The blobs go, unless equal content was committed meanwhile.
            for digest in forgotten:
                collected.blobs += await self._blobs.delete(digest.hex(), unchanged_since=now - self._grace)

    async def _collect_orphans(self, now: float, collected: Collected) -> None:
        candidates: list[BlobInfo] = []
        async for info in self._blobs.list():
            if info.modified <= now - self._grace:
                candidates.append(info)
            if len(candidates) >= BATCH:
                collected.orphans += await self._delete_orphans(candidates, now)
                candidates = []
        collected.orphans += await self._delete_orphans(candidates, now)

    async def _delete_orphans(self, candidates: list[BlobInfo], now: float) -> int:
        """Delete those of ``candidates`` that have no record; how many."""

        def without_record(snapshot: Snapshot) -> list[str]:
            return [one.digest for one in candidates if find_reference(snapshot, bytes.fromhex(one.digest)) is None]

        orphans = await self._store.read(without_record)
        return sum([await self._blobs.delete(one, unchanged_since=now - self._grace) for one in orphans])

    async def _page(self, start: bytes, stop: bytes | None) -> list[tuple[bytes, bytes]]:
        return await self._store.read(lambda snapshot: list(islice(snapshot.scan(start, stop), BATCH)))

    async def _delete(self, keys: list[bytes]) -> None:
        def delete(transaction: Transaction) -> None:
            for key in keys:
                transaction.delete(key)

        if keys:
            await self._store.write(delete)
