import asyncio
import hashlib
import time

import pytest

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain import errors
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.records.blobs import HOLD, HoldRecord
from zotplus.records.buckets import PURGING, PurgingRecord
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.upkeep import collector as module
from zotplus.services.upkeep.collector import Collector
from zotplus.services.values import Assembly, Attributes, PartChoice

DATA = b"data" * 100
DIGEST = hashlib.sha256(DATA).hexdigest()
LATER = 2 * 3600.0


@pytest.fixture
def collector(store, blobs):
    return Collector(store, blobs)


@pytest.fixture
async def put(objects, content, bucket):
    async def act(key="k", data=DATA):
        return await objects.put(bucket, key, content.source(data), Attributes(), UNCONDITIONAL_WRITE)

    return act


def later():
    return time.time() + LATER


async def commit_blob(blobs, data=DATA):
    writer = await blobs.create()
    await writer.write(data)
    await writer.commit(hashlib.sha256(data).hexdigest())


async def keys(store):
    return await store.read(lambda snapshot: [key for key, _ in snapshot.scan(b"")])


def test_a_short_grace_period_is_refused(store, blobs):
    with pytest.raises(ValueError, match="grace"):
        Collector(store, blobs, grace=60)


async def test_what_is_referred_to_stays(collector, put, blobs):
    await put()
    collected = await collector.run(later())
    assert (collected.blobs, collected.orphans) == (0, 0)
    assert DIGEST in blobs.blobs


async def test_a_deleted_object_s_blob_stays_for_the_grace_period_and_then_goes(collector, put, objects, blobs, store):
    await put()
    await objects.delete("box", "k")
    assert (await collector.run()).blobs == 0
    assert DIGEST in blobs.blobs
    assert (await collector.run(later())).blobs == 1
    assert not blobs.blobs
    assert [key[:1] for key in await keys(store)] == [b"B", b"u"]


async def test_a_blob_that_was_never_recorded_goes_after_the_grace_period(collector, blobs, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(5):
        await commit_blob(blobs, b"%d" % number)
    assert (await collector.run()).orphans == 0
    assert (await collector.run(later())).orphans == 5
    assert not blobs.blobs


async def test_leftovers_of_uploads_are_swept(collector, blobs):
    await blobs.create()
    assert (await collector.run()).leftovers == 0
    assert (await collector.run(later())).leftovers == 1


async def test_equal_content_put_again_between_record_and_blob_is_kept(
    *, collector, put, objects, blobs, content, monkeypatch
):
    await put()
    await objects.delete("box", "k")
    real = BlobsMemory.delete
    now = time.time() + 4000

    async def after_a_put(self, digest, *, unchanged_since):
        monkeypatch.undo()
        await put("again")
        # The clock of the store is real, that of this run is ahead: move the commit to where the run is.
        blobs.blobs[digest] = type(blobs.blobs[digest])(DATA, now)
        return await real(self, digest, unchanged_since=unchanged_since)

    monkeypatch.setattr(BlobsMemory, "delete", after_a_put)
    collected = await collector.run(now)
    assert (collected.blobs, collected.orphans) == (0, 0)
    found, _ = await objects.get("box", "again")
    assert await content.read(found) == DATA


async def test_a_reference_that_came_back_saves_the_record(
    *, collector, put, objects, blobs, counts, store, monkeypatch
):
    await put()
    await objects.delete("box", "k")
    real = type(store).write

    async def after_a_put(self, function):
        if "forget_all" in function.__qualname__:
            monkeypatch.undo()
            await put("again")
        return await real(self, function)

    monkeypatch.setattr(type(store), "write", after_a_put)
    assert (await collector.run(later())).blobs == 0
    assert await counts() == {DIGEST: 1}
    assert DIGEST in blobs.blobs


class Ticks:
    """A clock that ticks with every turn of the event loop, so that a race is the same on every machine."""

    now = 1_000_000.0

    def time(self):
        return self.now

    async def run(self):
        while True:
            self.now += 1
            await asyncio.sleep(0)


GRACE_TURNS = 40  # an upload's record follows its blob within fewer turns of the loop


async def test_puts_and_deletes_of_equal_content_race_the_collector(
    *, store, blobs, content, counts, bucket, monkeypatch
):
    ticks = Ticks()
    monkeypatch.setattr("zotplus.adapters.blobs_memory.store.time", ticks)
    objects = Objects(store, blobs, inline_limit=100, clock=ticks.time)
    collector = Collector(store, blobs)
    collector._grace = GRACE_TURNS
    contents = [b"%d" % number * 200 for number in range(3)]
    collected = []

    async def write(worker):
        for turn in range(80):
            data = contents[(worker + turn) % 3]
            await objects.put(bucket, f"{worker}", content.source(data, pieces=50), Attributes(), UNCONDITIONAL_WRITE)
            found, _ = await objects.get(bucket, f"{worker}")
            assert await content.read(found) == data
            if turn % 3 == worker % 3:
                await objects.delete(bucket, f"{worker}")
            for _ in range(turn * 7 % (2 * GRACE_TURNS)):
                await asyncio.sleep(0)

    async def collect(writers):
        while not writers.done():
            run = await collector.run(ticks.now)
            collected.append(run.blobs + run.orphans)
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(ticks.run())
    writers = asyncio.gather(*(write(worker) for worker in range(4)))
    await asyncio.gather(writers, collect(writers))
    ticking.cancel()
    assert sum(collected) > 3
    assert all(digest in blobs.blobs for digest, count in (await counts()).items() if count > 0)


async def test_a_backup_holds_records_and_their_blobs(collector, put, objects, blobs, store):
    await put()
    await objects.delete("box", "k")
    now = later()
    hold = HOLD.encode(HoldRecord(until_ms=int((now + 5) * 1000), reason="backup"))
    await store.write(lambda transaction: transaction.put(layout.hold("x"), hold))
    collected = await collector.run(now)
    assert (collected.held, collected.blobs, collected.orphans) == (True, 0, 0)
    assert DIGEST in blobs.blobs
    collected = await collector.run(now + 5)
    assert (collected.held, collected.blobs) == (False, 1)


async def test_a_hold_that_was_never_released_goes(collector, store):
    hold = HOLD.encode(HoldRecord(until_ms=1, reason="backup"))
    await store.write(lambda transaction: transaction.put(layout.hold("x"), hold))
    await collector.run()
    assert await keys(store) == []


async def test_tombstones_go_after_a_day(*, collector, multipart, content, bucket, store, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)

    async def complete():
        upload = await multipart.create(bucket, "k", "ada", Attributes(), None)
        part = await multipart.put_part(bucket, "k", upload.upload_id, 1, content.source(DATA))
        choices = (PartChoice(number=1, etag=part.etag),)
        return lambda: multipart.complete(bucket, "k", upload.upload_id, Assembly(parts=choices), UNCONDITIONAL_WRITE)

    calls = [await complete() for _ in range(5)]
    for call in calls:
        await call()
    assert (await collector.run(later())).tombstones == 0
    await calls[0]()
    assert (await collector.run(time.time() + 86_500)).tombstones == 5
    with pytest.raises(Problem) as raised:
        await calls[0]()
    assert raised.value.fault.code == "upload_not_found"


async def test_a_bucket_whose_purge_broke_off_is_emptied(collector, put, store, counts):
    await put()
    await put("small", b"x")
    purging = PURGING.encode(PurgingRecord(name="box", removed_ms=1))

    def unname(transaction):
        bucket_id = next(transaction.scan(b"O"))[0][1:9]
        transaction.delete(b"Bbox")
        transaction.put(layout.purging(bucket_id), purging)

    await store.write(unname)
    assert (await collector.run()).purged_objects == 2
    assert await counts() == {DIGEST: 0}
    assert not [key for key in await keys(store) if key[:1] in b"OX"]


async def test_an_entry_without_a_record_does_not_stop_the_collector(collector, store):
    await store.write(lambda transaction: transaction.put(layout.unreferenced(5, b"d" * 32), b""))
    assert (await collector.run()).blobs == 0
    assert await keys(store) == []


async def test_an_upload_that_nobody_finished_is_dropped_with_its_parts(store, blobs, bucket, content):
    multipart = Multipart(store, blobs)
    old = await multipart.create(bucket, "old", "somebody", Attributes(), None)
    await multipart.put_part(bucket, "old", old.upload_id, 1, content.source(DATA))
    collector = Collector(store, blobs, upload_expiry=3600)
    assert (await collector.run(time.time() + 1800)).expired_uploads == 0
    assert (await collector.run(later())).expired_uploads == 1
    with pytest.raises(Problem) as raised:
        await multipart.list_parts(bucket, "old", old.upload_id, 0, 10)
    assert raised.value.fault is errors.UPLOAD_NOT_FOUND
    assert (await collector.run(time.time() + 3 * LATER)).blobs == 1
