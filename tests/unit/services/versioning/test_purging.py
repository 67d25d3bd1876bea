"""Buckets with object lock go whole, or not at all while something in them is locked."""

import pytest

from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.records import layout
from zotplus.services.buckets import Buckets
from zotplus.services.objects import Objects
from zotplus.services.values import Attributes, BucketOptions, Deletion, Lock, VersionQuery
from zotplus.services.versioning import purging

DAY = 86_400.0


@pytest.fixture
async def buckets(store, clock):
    made = Buckets(store, "here", clock=clock)
    await made.create("lock", "ada", BucketOptions(lock_enabled=True))
    return made


@pytest.fixture
def put(store, blobs, content, clock):
    objects = Objects(store, blobs, inline_limit=10, clock=clock)

    async def one(key, lock=None):
        info = await objects.put("lock", key, content.source(b"x" * 20), Attributes(lock=lock), UNCONDITIONAL_WRITE)
        return info.version

    return one


@pytest.fixture
def kept(objects):
    async def count():
        return len((await objects.list_versions("lock", VersionQuery())).items)

    return count


async def refusal(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value


async def test_a_bucket_begins_with_versions_where_it_locks(buckets):
    found = await buckets.get("lock")
    assert (found.versioning, found.lock_enabled) == ("Enabled", True)
    plain = await buckets.create("plain", "ada", BucketOptions(versioning="Suspended"))
    assert (plain.versioning, plain.lock_enabled) == ("Suspended", False)


@pytest.mark.parametrize("batch", [1, 2, 1000])
async def test_what_is_not_locked_goes_with_its_bucket(buckets, put, objects, counts, store, monkeypatch, batch):  # noqa: PLR0917 - fixtures
    monkeypatch.setattr(purging, "BATCH", batch)
    for key in ("a", "a", "b", "c"):
        await put(key)
    await objects.delete("lock", "b")
    assert await buckets.purge("lock") == 5
    assert (await refusal(buckets.get("lock"))).fault.code == "bucket_not_found"
    assert set((await counts()).values()) <= {0}
    assert not await store.read(lambda snapshot: list(snapshot.scan(*layout.table_span(b"v"))))


@pytest.mark.parametrize("batch", [1, 1000])
@pytest.mark.parametrize("is_newest", [True, False])
async def test_nothing_goes_while_something_is_locked_and_the_refusal_names_it(  # noqa: PLR0917 - fixtures
    buckets, put, objects, kept, clock, monkeypatch, batch, is_newest
):
    monkeypatch.setattr(purging, "BATCH", batch)
    await put("a")
    version = await put("b", Lock(mode="GOVERNANCE", until=clock.now + DAY))
    if not is_newest:
        await objects.delete("lock", "b")
    await put("c")
    before = await kept()
    problem = await refusal(buckets.purge("lock"))
    assert problem.fault.code == "object_locked"
    assert (problem.fields["key"], problem.fields["version_id"]) == ("b", version)
    assert await kept() == before
    clock.now += DAY
    assert await buckets.purge("lock") == before


async def test_a_legal_hold_outlasts_everything(buckets, put, kept, clock):
    await put("a", Lock(legal_hold=True))
    clock.now += 1000 * 365 * DAY
    assert (await refusal(buckets.purge("lock"))).fault.code == "object_locked"
    assert await kept() == 1


async def test_what_is_locked_while_the_bucket_is_emptied_stays(buckets, put, kept, clock, monkeypatch):
    """The check of the beginning is for good order; the one that counts is made where each version goes."""

    async def overlook(*_):
        await put("late", Lock(mode="COMPLIANCE", until=clock.now + DAY))

    monkeypatch.setattr(purging, "_require_unlocked", overlook)
    assert (await refusal(buckets.purge("lock"))).fault.code == "object_locked"
    assert await kept() == 1


async def test_a_bucket_whose_locks_cannot_be_read_stays(buckets, put, store):
    """RustFS GHSA-j548: a lock whose metadata could not be read was taken for none."""
    await put("a", Lock(mode="GOVERNANCE", until=4e9))

    def damage(transaction):
        ((at, data),) = list(transaction.scan(*layout.table_span(b"O")))
        transaction.put(at, data.replace(b"GOVERNANCE", b"GOVERNANCF"))

    await store.write(damage)
    assert (await refusal(buckets.purge("lock"))).fault.code == "blob_corrupt"
    assert (await refusal(buckets.delete("lock"))).fault.code == "bucket_not_empty"


async def test_deleting_by_version_bypasses_governance_only(buckets, put, objects, clock):
    governed = await put("a", Lock(mode="GOVERNANCE", until=clock.now + 1e9))
    complied = await put("b", Lock(mode="COMPLIANCE", until=clock.now + 1e9))
    held = await put("c", Lock(mode="GOVERNANCE", until=clock.now + 1e9, legal_hold=True))
    for key, version in (("b", complied), ("c", held)):
        problem = await refusal(objects.delete("lock", key, Deletion(version=version, bypass=True)))
        assert problem.fault.code == "object_locked"
    assert (await refusal(objects.delete("lock", "a", Deletion(version=governed)))).fault.code == "object_locked"
    assert (await objects.delete("lock", "a", Deletion(version=governed, bypass=True))).was_there
