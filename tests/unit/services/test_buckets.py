import pytest

from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.services import emptying
from zotplus.services.buckets import Buckets
from zotplus.services.values import Attributes


@pytest.fixture
def buckets(store, clock):
    return Buckets(store, "eu-north-1", clock=clock)


async def refused(awaitable):
    with pytest.raises(Problem) as raised:
        await awaitable
    return raised.value.fault.code


async def test_a_bucket_is_found_as_it_was_created(buckets, clock):
    made = await buckets.create("one", "ada")
    assert (made.name, made.owner, made.region, made.created) == ("one", "ada", "eu-north-1", clock.now)
    assert await buckets.get("one") == made


async def test_buckets_are_listed_by_name(buckets):
    for name in ("bbb", "aaa", "aaa-2"):
        await buckets.create(name, "ada")
    assert [one.name for one in await buckets.list()] == ["aaa", "aaa-2", "bbb"]


async def test_a_name_is_given_once(buckets):
    await buckets.create("one", "ada")
    assert await refused(buckets.create("one", "ada")) == "bucket_owned"
    assert await refused(buckets.create("one", "bob")) == "bucket_exists"


async def test_a_bad_name_is_refused(buckets):
    assert await refused(buckets.create("No", "ada")) == "bucket_name_invalid"


@pytest.mark.parametrize("name", ["missing", "", "ä", "x" * 5000, "\ud800", "a\0b"])
async def test_what_is_no_bucket_is_not_found(buckets, name):
    for call in (buckets.get, buckets.delete, buckets.purge):
        assert await refused(call(name)) == "bucket_not_found"


async def test_only_a_bucket_without_objects_is_deleted(buckets, objects, content):
    await buckets.create("one", "ada")
    await objects.put("one", "k", content.source(b"x"), Attributes(), UNCONDITIONAL_WRITE)
    assert await refused(buckets.delete("one")) == "bucket_not_empty"
    await objects.delete("one", "k")
    await buckets.delete("one")
    assert await refused(buckets.get("one")) == "bucket_not_found"


async def test_unfinished_uploads_go_with_their_bucket(buckets, multipart, content):
    await buckets.create("one", "ada")
    upload = await multipart.create("one", "k", "ada", Attributes(), None)
    await multipart.put_part("one", "k", upload.upload_id, 1, content.source(b"x"))
    await buckets.delete("one")
    await buckets.create("one", "ada")
    assert await multipart.list_uploads("one", "", "", ("", ""), 10) == ((), None)
    assert await refused(multipart.abort("one", "k", upload.upload_id)) == "upload_not_found"


async def fill(objects, multipart, content, bucket):
    for number in range(7):
        await objects.put(bucket, f"k{number}", content.source(b"x" * 200), Attributes(), UNCONDITIONAL_WRITE)
    for _ in range(3):
        upload = await multipart.create(bucket, "u", "ada", Attributes(), None)
        for number in range(1, 6):
            await multipart.put_part(bucket, "u", upload.upload_id, number, content.source(b"p%d" % number))


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7, 8, 25, 1000])
async def test_a_purge_empties_the_bucket_in_batches_and_releases_all(
    *, monkeypatch, buckets, objects, multipart, content, counts, store, batch
):
    monkeypatch.setattr(emptying, "BATCH", batch)
    await buckets.create("one", "ada")
    await fill(objects, multipart, content, "one")
    assert sum((await counts()).values()) == 7 + 15
    assert await buckets.purge("one") == 7
    assert set((await counts()).values()) == {0}
    left = await store.read(lambda snapshot: {key[:1] for key, _ in snapshot.scan(b"")})
    assert left == {b"R", b"S", b"Z"}


async def test_a_purged_name_is_free_and_its_old_content_is_not_seen(buckets, objects, content):
    await buckets.create("one", "ada")
    await objects.put("one", "k", content.source(b"x"), Attributes(), UNCONDITIONAL_WRITE)
    await buckets.purge("one")
    await buckets.create("one", "bob")
    assert await refused(objects.head("one", "k")) == "object_not_found"
