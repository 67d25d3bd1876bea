import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.domain.conditions import UNCONDITIONAL_WRITE
from zotplus.domain.errors import Problem
from zotplus.services.buckets import Buckets
from zotplus.services.multipart import Multipart
from zotplus.services.objects import Objects
from zotplus.services.values import Attributes, ListEntry, ListQuery, UploadInfo

# Few characters make many shared prefixes; é and U+10000 sort differently in UTF-8 and UTF-16.
text = st.text(alphabet="ab/é\uffff\U00010000", max_size=5)
keys = st.lists(text.filter(bool), max_size=12, unique=True)
delimiters = st.sampled_from(["", "/", "a", "//", "é", "b/"])


def model(stored, prefix, delimiter, after):
    """Names in byte order, rolled up, behind the marker: Amazon's description, written as plainly as possible."""
    found = []
    for key in sorted(stored, key=str.encode):
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        item = key if cut < 0 else key[: cut + len(delimiter)]
        if item.encode() > after.encode() and item not in found:
            found.append(item)
    return found


def name(item):
    return item.key if isinstance(item, ListEntry | UploadInfo) else item


async def stores(stored):
    store = KeyValueMemory()
    await Buckets(store, "here").create("box", "ada")
    await Buckets(store, "here").create("other", "ada")
    return store


async def pages(objects, query):
    found, limit = [], query["limit"]
    while True:
        page = await objects.list("box", ListQuery(**query))
        assert len(page.items) <= limit
        found += [name(item) for item in page.items]
        if page.next_after is None:
            return found
        query = {**query, "after": page.next_after}


@settings(max_examples=80, deadline=None)
@given(keys, text, delimiters, text, st.integers(1, 5))
def test_every_page_size_gives_what_the_model_gives(stored, prefix, delimiter, after, limit):
    async def check():
        store = await stores(stored)
        objects = Objects(store, BlobsMemory())
        for key in stored:
            await objects.put("box", key, source(), Attributes(), UNCONDITIONAL_WRITE)
            await objects.put("other", key + "x", source(), Attributes(), UNCONDITIONAL_WRITE)
        query = {"prefix": prefix, "delimiter": delimiter, "after": after, "limit": limit}
        assert await pages(objects, query) == model(stored, prefix, delimiter, after)

    asyncio.run(check())


@settings(max_examples=60, deadline=None)
@given(keys, text, delimiters, text, st.integers(1, 5))
def test_uploads_are_paged_as_the_model_says(stored, prefix, delimiter, after, limit):
    async def check():
        store = await stores(stored)
        multipart = Multipart(store, BlobsMemory())
        for key in [*stored, *stored]:
            await multipart.create("box", key, "ada", Attributes(), None)
        found, marker = [], (after, "")
        while marker is not None:
            items, marker = await multipart.list_uploads("box", prefix, delimiter, marker, limit)
            assert len(items) <= limit
            found += [name(item) for item in items]
        expected = model(stored, prefix, delimiter, after)
        twice = [
            item for item in expected for _ in range(2 if item in stored and not rolled(item, prefix, delimiter) else 1)
        ]
        assert found == twice

    asyncio.run(check())


def rolled(item, prefix, delimiter):
    return bool(delimiter) and item.find(delimiter, len(prefix)) >= 0


def source():
    from zotplus.services.values import Source  # noqa: PLC0415 - beside its use

    async def chunks():
        yield b"x"

    return Source(chunks=chunks())


async def test_an_entry_carries_its_ready_fragment(objects, bucket, content):
    made = await objects.put(bucket, "k", content.source(b"abc"), Attributes(), UNCONDITIONAL_WRITE)
    (entry,) = (await objects.list(bucket, ListQuery())).items
    assert entry.key == "k"
    assert f"<ETag>&quot;{made.etag}&quot;</ETag>".encode() in entry.fragment
    assert b"<Size>3</Size>" in entry.fragment


async def test_limit_zero_is_an_empty_last_page(objects, multipart, bucket, content):
    await objects.put(bucket, "k", content.source(b"abc"), Attributes(), UNCONDITIONAL_WRITE)
    await multipart.create(bucket, "k", "ada", Attributes(), None)
    page = await objects.list(bucket, ListQuery(limit=0))
    assert (page.items, page.next_after) == ((), None)
    assert await multipart.list_uploads(bucket, "", "", ("", ""), 0) == ((), None)


async def test_a_prefix_that_no_key_can_have_lists_nothing(objects, multipart, bucket, content):
    upload = await multipart.create(bucket, "k", "ada", Attributes(), None)
    assert await multipart.list_uploads(bucket, "k\0" + upload.upload_id[:4], "", ("", ""), 10) == ((), None)
    assert (await objects.list(bucket, ListQuery(prefix="k\0"))).items == ()


@pytest.mark.parametrize("where", ["prefix", "delimiter", "after"])
async def test_text_that_is_not_utf8_is_refused(objects, bucket, where):
    with pytest.raises(Problem) as raised:
        await objects.list(bucket, ListQuery(**{where: "\ud800"}))
    assert raised.value.fault.code == "path_invalid"


async def test_a_listing_needs_its_bucket(objects, multipart):
    for call in (objects.list("none", ListQuery()), multipart.list_uploads("none", "", "", ("", ""), 1)):
        with pytest.raises(Problem) as raised:
            await call
        assert raised.value.fault.code == "bucket_not_found"


async def test_a_common_prefix_costs_one_step_whatever_is_below(objects, bucket, content, store, monkeypatch):
    for number in range(300):
        await objects.put(bucket, f"a/{number}", content.source(b"x"), Attributes(), UNCONDITIONAL_WRITE)
    await objects.put(bucket, "b", content.source(b"x"), Attributes(), UNCONDITIONAL_WRITE)
    seen = []
    real = type(store).read

    async def counting(self, function):
        return await real(self, lambda snapshot: function(Counting(snapshot, seen)))

    monkeypatch.setattr(type(store), "read", counting)
    page = await objects.list(bucket, ListQuery(delimiter="/"))
    assert [name(item) for item in page.items] == ["a/", "b"]
    assert len(seen) <= 3


class Counting:
    """A snapshot that notes which keys were walked over."""

    def __init__(self, snapshot, seen):
        self.get = snapshot.get
        self._snapshot = snapshot
        self._seen = seen

    def scan(self, start, stop=None, *, reverse=False):
        for pair in self._snapshot.scan(start, stop, reverse=reverse):
            self._seen.append(pair[0])
            yield pair
