"""Removing a bucket as a job: its name goes at once, its content in batches, also after a restart."""

import asyncio
import time

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services import emptying, removals
from zotplus.services.buckets import Buckets
from zotplus.services.removals import Removals
from zotplus.services.upkeep.collector import Collector
from zotplus.services.values import Attributes, BucketOptions


@pytest.fixture
def buckets(store):
    return Buckets(store, "eu-1")


@pytest.fixture
def jobs(store, buckets, clock):
    return Removals(store, buckets, clock=clock)


@pytest.fixture
async def full(buckets, objects, content):
    """A bucket with five objects."""
    await buckets.create("one", "ada")
    for number in range(5):
        await objects.put("one", f"k{number}", content.source(b"x" * 20_000), Attributes())


async def done(jobs, id_):
    for _ in range(1000):
        try:
            await jobs.find(id_)
        except Problem as problem:
            return problem.fault.code
        await asyncio.sleep(0)
    return "still there"


async def test_the_name_is_free_at_once_and_the_content_follows(full, jobs, buckets, blobs):
    begun = await jobs.begin("one")
    assert (begun.bucket, begun.removed, begun.total) == ("one", 0, 5)
    await buckets.create("one", "bob")
    assert await done(jobs, begun.id) == "record_not_found"
    assert await jobs.list() == ()


async def test_progress_is_told_and_outlives_the_process(full, store, jobs, blobs, monkeypatch):
    monkeypatch.setattr(emptying, "BATCH", 2)

    async def stopped(*_):
        await asyncio.sleep(3600)

    monkeypatch.setattr(removals, "empty_bucket", stopped)
    begun = await jobs.begin("one")
    bucket_id = bytes.fromhex(begun.id)
    await store.write(lambda transaction: emptying.empty_batch(transaction, bucket_id, 0))
    (later,) = await Removals(store, Buckets(store, "eu-1"), clock=time.time).list()
    assert (later.id, later.removed, later.total) == (begun.id, 2, 5)
    collected = await Collector(store, blobs).run()
    assert (collected.purged_objects, await jobs.list()) == (3, ())


async def test_what_goes_wrong_is_left_to_the_collector(full, jobs, blobs, store, monkeypatch):
    async def broken(*_):
        raise Problem(errors.STORAGE_FAILED)

    monkeypatch.setattr(removals, "empty_bucket", broken)
    begun = await jobs.begin("one")
    await asyncio.sleep(0)
    assert (await jobs.find(begun.id)).bucket == "one"
    assert (await Collector(store, blobs).run()).purged_objects == 5


async def test_a_bucket_with_lock_is_emptied_before_its_name_goes(buckets, objects, content, jobs):
    await buckets.create("one", "ada", BucketOptions(lock_enabled=True))
    await objects.put("one", "k", content.source(b"x"), Attributes())
    assert await jobs.begin("one") == 1
    with pytest.raises(Problem) as missing:
        await jobs.begin("one")
    assert missing.value.fault.code == "bucket_not_found"


async def test_a_job_that_is_done_before_anybody_looks_is_told_as_nothing_left(buckets, jobs, store, monkeypatch):
    await buckets.create("one", "ada")
    unname = buckets.unname

    async def unname_and_empty(name):
        bucket_id = await unname(name)
        await emptying.empty_bucket(store, bucket_id, 0)
        return bucket_id

    monkeypatch.setattr(buckets, "unname", unname_and_empty)
    assert await jobs.begin("one") == 0


@pytest.mark.parametrize("id_", ["", "0" * 16, "xx" * 8, "0" * 4000, "é" * 16])
async def test_what_is_no_job_is_not_found(jobs, id_):
    with pytest.raises(Problem) as missing:
        await jobs.find(id_)
    assert missing.value.fault.code == "record_not_found"
