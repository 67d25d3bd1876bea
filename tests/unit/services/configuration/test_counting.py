"""Counts of what buckets hold: made for older buckets while writers go on, proven, and corrected."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.conditions import WriteConditions
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.records.buckets import USAGE, UsageRecord
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.counting import Usage
from zotplus.services.configuration.usage import charge, check_quota, find_usage
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.lookups import find_bucket
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.values import Assembly, Attributes, Deletion, Expected, PartChoice, Source


def source(size):
    async def chunks():
        yield b"x" * size

    return Source(chunks=chunks(), expected=Expected())


class House:
    """A bucket and the services around it."""

    def __init__(self):
        self.store = KeyValueMemory()
        self.buckets = Buckets(self.store, "eu-1")
        blobs = BlobsMemory()
        self.objects = Objects(self.store, blobs)
        self.uploads = Multipart(self.store, blobs)
        self.begun = []
        self.usage = Usage(self.store)

    async def put(self, key, size):
        return await self.objects.put("one", key, source(size), Attributes())

    async def begin(self, key):
        begun = await self.uploads.create("one", key, "ada", Attributes(), None)
        self.begun.append((key, begun.upload_id))
        self.etags = {}

    async def part(self, number, size):
        """A part of the upload that was begun last."""
        done = await self.uploads.put_part("one", *self.begun[-1], number, source(size))
        self.etags[number] = done.etag

    async def complete(self, number):
        """Of the upload that was begun last this one part; what else it has goes."""
        wanted = Assembly(parts=(PartChoice(number=number, etag=self.etags.get(number, "")),))
        return await self.uploads.complete("one", *self.begun.pop(), wanted, WriteConditions())

    async def abort(self):
        await self.uploads.abort("one", *self.begun.pop())

    async def record(self):
        return await self.store.read(lambda snapshot: find_usage(snapshot, find_bucket(snapshot, "one")))

    async def overwrite(self, record):
        def change(transaction):
            place = layout.usage(find_bucket(transaction, "one").id)
            if record is None:
                transaction.delete(place)
            else:
                transaction.put(place, USAGE.encode(record))

        await self.store.write(change)

    async def read(self):
        found = await self.usage.read("one")
        return found.size, found.objects, found.counted

    async def parts(self):
        return (await self.usage.read("one")).parts


@pytest.fixture
async def house():
    made = House()
    await made.buckets.create("one", "ada")
    return made


async def test_a_bucket_of_an_older_release_is_counted_once(house):
    await house.put("a", 5)
    await house.overwrite(None)
    await house.put("b", 7)
    assert await house.read() == (0, 0, False)
    assert await house.usage.count_uncounted() == 1
    assert await house.read() == (12, 2, True)
    assert await house.usage.count_uncounted() == 0


async def test_what_changes_between_the_steps_of_a_count_is_in_it(house, monkeypatch):
    await house.put("a", 5)
    await house.overwrite(None)
    walk = house.usage._walk

    async def walk_and_write(function):
        found = await walk(function)
        await house.put("b", 7)
        await house.objects.delete("one", "a")
        return found

    monkeypatch.setattr(house.usage, "_walk", walk_and_write)
    await house.usage.count_uncounted()
    assert await house.read() == (7, 1, True)


async def test_a_count_that_was_broken_off_is_made_again(house):
    await house.put("a", 5)
    await house.overwrite(UsageRecord(size=3, objects=1, counting=True))
    await house.put("b", 7)
    assert await house.read() == (0, 0, False)
    await house.usage.count_uncounted()
    assert await house.read() == (12, 2, True)


async def test_a_quota_bounds_nothing_while_a_bucket_is_not_counted(house):
    await house.usage.set_quota("one", 1, 1)
    for record in (None, UsageRecord(size=0, objects=0, counting=True)):
        await house.overwrite(record)
        await house.put("a", 50)
    await house.usage.count_uncounted()
    with pytest.raises(Problem) as refused:
        await house.put("b", 1)
    assert refused.value.fault.code == "quota_exceeded"


async def test_parts_of_uploads_that_an_older_release_began_are_counted_once(house, monkeypatch):
    """Its record knows nothing of parts: until they are counted they bound nothing, and what ends leaves no trace."""
    await house.put("a", 5)
    await house.begin("b")
    for number, size in ((1, 30), (2, 40)):
        await house.part(number, size)
    await house.begin("c")
    await house.part(1, 2)
    await house.overwrite(UsageRecord(size=5, objects=1))
    await house.abort()
    await house.usage.set_quota("one", 60, 0)
    await house.part(3, 1)
    assert (await house.read(), await house.parts()) == ((5, 1, True), 0)
    walk = house.usage._walk

    async def walk_and_write(function):
        found = await walk(function)
        await house.part(3, 4)
        with pytest.raises(Problem) as refused:  # what was known before is bounded on the way too
            await house.put("x", 56)
        assert refused.value.fault.code == "quota_exceeded"
        assert "unfinished" not in refused.value.detail  # what is known of them is not yet a number to tell
        return found

    monkeypatch.setattr(house.usage, "_walk", walk_and_write)
    assert await house.usage.count_uncounted() == 1
    monkeypatch.undo()
    assert (await house.read(), await house.parts()) == ((5, 1, True), 74)
    assert await house.usage.count_uncounted() == 0
    assert await house.usage.prove(repair=False) == []
    with pytest.raises(Problem) as refused:  # its length was not announced, so that it is judged when it is there
        await house.part(4, 1)
    assert refused.value.fault.code == "quota_exceeded"
    assert await house.usage.prove(repair=False) == []


async def test_a_count_of_parts_that_was_broken_off_is_made_again(house, monkeypatch):
    await house.begin("a")
    await house.part(1, 5)
    await house.overwrite(UsageRecord(size=0, objects=0))

    async def broken(_function):
        raise OSError("the machine is switched off")

    monkeypatch.setattr(house.usage, "_walk", broken)
    with pytest.raises(OSError, match="switched off"):
        await house.usage.count_uncounted()
    monkeypatch.undo()
    await house.part(2, 7)
    assert (await house.read(), await house.parts()) == ((0, 0, True), 0)
    assert await house.usage.prove(repair=False) == []
    assert await house.usage.count_uncounted() == 1
    assert (await house.read(), await house.parts()) == ((0, 0, True), 12)


async def test_objects_of_unknown_length_find_the_parts_in_their_way(house):
    await house.begin("a")
    await house.part(1, 60)
    await house.usage.set_quota("one", 100, 0)
    with pytest.raises(Problem) as refused:
        await house.put("b", 41)
    assert refused.value.fault.code == "quota_exceeded"
    await house.put("b", 40)


async def test_a_removed_bucket_takes_its_parts_with_it(house):
    await house.begin("a")
    await house.part(1, 5)
    await house.buckets.purge("one")
    assert await house.store.read(lambda snapshot: list(snapshot.scan(*layout.table_span(layout.USAGE)))) == []


async def test_drift_is_found_and_corrected_when_that_is_asked_for(house):
    await house.put("a", 5)
    assert await house.usage.prove(repair=True) == []
    await house.begin("b")
    await house.part(1, 3)
    await house.overwrite(UsageRecord(size=50, objects=7, parts=9))
    (drift,) = await house.usage.prove(repair=False)
    assert (drift.bucket, drift.recorded, drift.counted) == ("one", (50, 7, 9), (5, 1, 3))
    assert await house.read() == (50, 7, True)
    assert len(await house.usage.prove(repair=True)) == 1
    assert (await house.read(), await house.parts()) == ((5, 1, True), 3)
    await house.overwrite(None)
    assert await house.usage.prove(repair=True) == []


async def test_where_a_record_cannot_be_read_the_count_is_not_judged(house):
    await house.put("a", 5)

    def damage(transaction):
        transaction.put(layout.object_(find_bucket(transaction, "one").id, b"b"), b"damaged")

    await house.store.write(damage)
    await house.overwrite(UsageRecord(size=500, objects=7, parts=0))
    assert await house.usage.prove(repair=True) == []
    assert await house.read() == (500, 7, True)


async def test_a_part_that_cannot_be_read_keeps_no_bucket_from_being_counted(house):
    await house.begin("b")
    await house.part(1, 3)
    await house.part(2, 4)
    await house.store.write(lambda transaction: transaction.put(layout.part(house.begun[-1][1], 2), b"damaged"))
    await house.overwrite(UsageRecord(size=0, objects=0))
    assert await house.usage.count_uncounted() == 1
    assert await house.parts() == 3
    assert await house.usage.prove(repair=True) == []


async def test_a_bucket_that_is_removed_meanwhile_is_left_alone(house, monkeypatch):
    await house.overwrite(None)
    walk = house.usage._walk

    async def walk_and_remove(function):
        found = await walk(function)
        await house.buckets.delete("one")
        return found

    monkeypatch.setattr(house.usage, "_walk", walk_and_remove)
    assert await house.usage.count_uncounted() == 1
    with pytest.raises(Problem):
        await house.usage.read("one")
    assert await house.store.read(lambda snapshot: list(snapshot.scan(*layout.table_span(layout.USAGE)))) == []


async def test_all_buckets_are_told_at_once(house):
    await house.buckets.create("two", "ada")
    await house.put("a", 5)
    assert {name: found.size for name, found in (await house.usage.read_all()).items()} == {"one": 5, "two": 0}


async def test_what_does_not_grow_is_never_refused(house):
    await house.put("a", 5)
    await house.usage.set_quota("one", 1, 1)

    def both(transaction):
        bucket = find_bucket(transaction, "one")
        charge(transaction, bucket, 0, 0)
        charge(transaction, bucket, -1, 0)
        check_quota(transaction, bucket, None, 5)
        check_quota(transaction, bucket, 5, 5)

    await house.store.write(both)
    assert await house.read() == (4, 1, True)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(0, 50_000)),
        st.tuples(st.just("delete"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("destroy"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.sampled_from(["Enabled", "Suspended"]), st.just(""), st.just(0)),
        st.tuples(st.sampled_from(["begin", "abort", "complete"]), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("part"), st.sampled_from("abc"), st.integers(0, 50_000)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_after_any_writes_the_count_is_what_is_there(steps):
    async def run():
        house = House()
        await house.buckets.create("one", "ada")
        for verb, key, size in steps:
            if verb == "put":
                await house.put(key, size)
            elif verb == "delete":
                await house.objects.delete("one", key)
            elif verb == "destroy":
                await house.objects.delete("one", key, Deletion(version="null"))
            elif verb == "begin":
                await house.begin(key)
            elif verb == "part" and house.begun:
                await house.part(ord(key), size)
            elif verb == "abort" and house.begun:
                await house.abort()
            elif verb == "complete" and house.begun:
                with contextlib.suppress(Problem):  # where there is no such part
                    await house.complete(ord(key))
            elif verb in {"part", "abort", "complete"}:
                continue
            else:
                await Versioning(house.store).set("one", verb)
        assert await house.usage.prove(repair=False) == []

    asyncio.run(run())


async def test_a_bucket_that_is_emptied_before_its_count_is_left_alone(house):
    record = await house.buckets.record("one")
    await house.overwrite(None)
    await house.usage._correct("one", record)
    assert await house.record() is None


class OnlyAsked:
    """A store whose reads may wait, so that it has no immediate ones."""

    def __init__(self, store):
        self._store = store

    async def read(self, function):
        return await self._store.read(function)

    async def write(self, function):
        return await self._store.write(function)


async def test_a_store_without_immediate_reads_is_counted_too(house):
    await house.put("a", 5)
    await house.overwrite(None)
    usage = Usage(OnlyAsked(house.store))
    assert await usage.count_uncounted() == 1
    assert await house.read() == (5, 1, True)


async def test_a_refusal_names_the_quotas_that_there_are(house):
    await house.put("a", 5)
    for quotas, words in (((5, 0), "5 of 5 bytes."), ((0, 1), "1 of 1 objects."), ((5, 1), "5 bytes and 1 of 1")):
        await house.usage.set_quota("one", *quotas)
        with pytest.raises(Problem) as refused:
            await house.put("b", 1)
        assert words in refused.value.detail
