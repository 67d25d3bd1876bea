"""Versions of objects, step by step. The whole behaviour is held against an independent model elsewhere."""

import pytest

from zotplus.domain.conditions import UNCONDITIONAL_WRITE, ReadConditions, WriteConditions
from zotplus.domain.errors import Problem
from zotplus.domain.versions import new_version_id, next_sequence, sequence_of, sequence_to_look_at
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.values import (
    Actor,
    Attributes,
    BucketOptions,
    Copy,
    Deletion,
    ListQuery,
    Lock,
    Selection,
    VersionEntry,
    VersionQuery,
)

LARGE = b"x" * 1000


@pytest.fixture
async def switch(store, bucket):
    async def to(state):
        await Versioning(store).set("box", state)

    await to("Enabled")
    return to


@pytest.fixture
def put(objects, content):
    async def store_one(data, key="k", conditions=UNCONDITIONAL_WRITE, **attributes):
        return await objects.put("box", key, content.source(data), Attributes(**attributes), conditions)

    return store_one


@pytest.fixture
def read(objects, content):
    async def one(version="", key="k"):
        try:
            found, _ = await objects.get("box", key, Selection(version=version))
        except Problem as problem:
            return problem.fault.code
        return await content.read(found)

    return one


@pytest.fixture
def listed(objects):
    async def page(**query):
        found = await objects.list_versions("box", VersionQuery(**query))
        return [
            (one.key, one.version, one.is_newest, one.is_marker) if isinstance(one, VersionEntry) else one
            for one in found.items
        ]

    return page


def test_an_id_tells_its_sequence_and_cannot_be_guessed():
    assert sequence_of(new_version_id(7)) == 7
    assert new_version_id(7) != new_version_id(7)
    for odd in ("", "null", "7", "g" * 32, new_version_id(7).upper() + "0"):
        with pytest.raises(Problem) as raised:
            sequence_of(odd)
        assert raised.value.fault.code == "argument_invalid"


def test_what_could_be_an_id_of_another_server_is_looked_for_and_is_nowhere():
    assert sequence_to_look_at(new_version_id(7)) == 7
    assert sequence_to_look_at("01BX5ZZKBKACTAV9WEVGEMMVRZ") == 0
    with pytest.raises(Problem, match="Invalid version id"):
        sequence_to_look_at("invalid_versionId")


def test_a_sequence_never_goes_back():
    assert next_sequence(0, 5) == 5000
    assert next_sequence(9000, 5) == 9001


async def test_each_write_is_a_version_of_its_own(switch, put, read, listed):
    first, second = await put(b"one"), await put(LARGE)
    assert first.version != second.version
    assert await read() == LARGE
    assert await read(first.version) == b"one"
    assert await listed() == [("k", second.version, True, False), ("k", first.version, False, False)]


async def test_a_bucket_that_never_kept_versions_has_only_the_null_one(objects, put, read, bucket):
    made = await put(b"one")
    assert made.version is None
    assert await read("null") == b"one"
    assert await read(new_version_id(3)) == "version_not_found"
    assert (await objects.delete("box", "k", Deletion(version="null"))).was_there
    assert await read("null") == "object_not_found"


async def test_deleting_leaves_a_marker_that_can_be_deleted_itself(objects, switch, put, read, listed):
    made = await put(b"one")
    gone = await objects.delete("box", "k")
    assert (gone.was_there, gone.is_marker) == (True, True)
    assert await read() == "object_not_found"
    assert await read(gone.version) == "method_not_allowed"
    assert await read(made.version) == b"one"
    assert await listed() == [("k", gone.version, True, True), ("k", made.version, False, False)]
    assert (await objects.list("box", ListQuery())).items == ()
    back = await objects.delete("box", "k", Deletion(version=gone.version))
    assert (back.is_marker, back.version) == (True, gone.version)
    assert await read() == b"one"


async def test_a_marker_may_stand_alone_and_before_another(objects, switch, put, read, listed):
    first = await objects.delete("box", "k")
    second = await objects.delete("box", "k")
    assert (first.was_there, second.was_there) == (False, False)
    assert await listed() == [("k", second.version, True, True), ("k", first.version, False, True)]
    await objects.delete("box", "k", Deletion(version=second.version))
    assert await read() == "object_not_found"
    await put(b"one")
    assert await read() == b"one"


async def test_what_was_there_before_is_the_null_version(switch, put, read, objects, listed):
    await switch("Suspended")
    await put(b"null")
    await switch("Enabled")
    made = await put(b"one")
    assert await read("null") == b"null"
    assert await listed() == [("k", made.version, True, False), ("k", "null", False, False)]
    await objects.delete("box", "k", Deletion(version=made.version))
    assert await read() == b"null"
    assert await listed() == [("k", "null", True, False)]


async def test_suspended_writes_replace_the_null_version_wherever_it_is(switch, put, read, listed, objects, counts):  # noqa: PLR0917 - fixtures
    await switch("Suspended")
    await put(LARGE)
    await switch("Enabled")
    made = await put(b"one")
    await switch("Suspended")
    await put(b"other")
    assert await listed() == [("k", "null", True, False), ("k", made.version, False, False)]
    assert list((await counts()).values()) == [0]
    await put(b"again")
    assert await read("null") == b"again"
    gone = await objects.delete("box", "k")
    assert (gone.version, gone.is_marker) == ("null", True)
    assert await listed() == [("k", "null", True, True), ("k", made.version, False, False)]
    await objects.delete("box", "k")
    assert await listed() == [("k", "null", True, True), ("k", made.version, False, False)]
    await objects.delete("box", "k", Deletion(version="null"))
    assert await read() == b"one"


async def test_a_null_marker_gives_way_to_a_null_version(switch, put, read, listed, objects):
    made = await put(b"one")
    await switch("Suspended")
    await objects.delete("box", "k")
    await put(b"two")
    assert await listed() == [("k", "null", True, False), ("k", made.version, False, False)]
    assert await read() == b"two"


async def test_references_follow_the_versions(switch, put, objects, counts):
    first = await put(LARGE)
    await put(b"small")
    assert list((await counts()).values()) == [1]
    await objects.delete("box", "k", Deletion(version=first.version))
    assert list((await counts()).values()) == [0]


async def test_conditions_are_judged_by_the_newest_version_and_a_marker_is_none(switch, put, objects):
    made = await put(b"one")
    await put(b"two", conditions=WriteConditions(match=(made.etag,)))
    with pytest.raises(Problem):
        await put(b"three", conditions=WriteConditions(absent=True))
    await objects.delete("box", "k")
    await put(b"three", conditions=WriteConditions(absent=True))


async def test_a_version_is_deleted_under_conditions_of_its_own(switch, put, objects):
    first = await put(b"one")
    await put(b"two")
    wrong = Deletion(version=first.version, conditions=WriteConditions(match=("-",)))
    with pytest.raises(Problem) as raised:
        await objects.delete("box", "k", wrong)
    assert raised.value.fault.code == "precondition_failed"
    right = Deletion(version=first.version, conditions=WriteConditions(match=(first.etag,)))
    assert (await objects.delete("box", "k", right)).was_there
    assert not (await objects.delete("box", "k", Deletion(version=first.version))).was_there


async def test_many_are_deleted_with_their_versions_and_each_tells_of_itself(switch, put, objects):
    made = await put(b"one")
    await put(b"two", key="l")
    outcome = await objects.delete_many(
        "box", (("k", Deletion(version=made.version)), ("l", Deletion()), ("m", Deletion(version="odd")))
    )
    assert outcome[0].version == made.version
    assert outcome[1].is_marker
    assert outcome[2].fault.code == "argument_invalid"


async def test_an_earlier_version_is_brought_back_by_a_copy_onto_itself(switch, put, objects, read):
    first = await put(b"one")
    await put(b"two")
    copied = await objects.copy(Copy(source=("box", "k"), target=("box", "k"), source_version=first.version))
    assert await read() == b"one"
    assert copied.version not in (None, first.version)


async def test_a_marker_is_no_source(switch, objects, put):
    await put(b"one")
    gone = await objects.delete("box", "k")
    with pytest.raises(Problem) as raised:
        await objects.copy(Copy(source=("box", "k"), target=("box", "l"), source_version=gone.version))
    assert raised.value.fault.code == "request_invalid"
    with pytest.raises(Problem) as raised:
        await objects.copy(Copy(source=("box", "k"), target=("box", "l"), source_version=new_version_id(1)))
    assert raised.value.fault.code == "version_not_found"


async def test_a_copy_keeps_tags_unless_it_brings_others(put, objects, bucket):
    await put(b"one", tags={"a": "b"})
    kept = await objects.copy(Copy(source=("box", "k"), target=("box", "l")))
    assert kept.attributes.tags == {"a": "b"}
    given = Attributes(tags={"c": "d"})
    other = Copy(source=("box", "k"), target=("box", "m"), keeps_tags=False, target_attributes=given)
    assert (await objects.copy(other)).attributes.tags == {"c": "d"}


async def test_what_a_version_carries_is_changed_in_place(switch, put, objects, read):
    first = await put(b"one")
    await put(b"two")
    changed = await objects.change("box", "k", first.version, lambda _, record: record)
    assert changed == await objects.head("box", "k", Selection(version=first.version))
    assert await read() == b"two"


@pytest.mark.parametrize(
    ("ownership", "owner"), [("BucketOwnerEnforced", "owner"), ("BucketOwnerPreferred", "ada"), ("ObjectWriter", "ada")]
)
async def test_the_owner_is_who_wrote_unless_the_bucket_owns_everything(store, objects, content, ownership, owner):
    await Buckets(store, "here").create("shared", "owner", BucketOptions(ownership=ownership))
    source = content.source(b"one")
    source = type(source)(chunks=source.chunks, expected=source.expected, by=Actor(principal="ada"))
    assert (await objects.put("shared", "k", source, Attributes())).owner == owner


async def test_a_lock_needs_a_bucket_with_object_lock(put, bucket):
    with pytest.raises(Problem) as raised:
        await put(b"one", lock=Lock(legal_hold=True))
    assert raised.value.fault.code == "request_invalid"


async def test_reads_are_judged_by_the_version_that_is_named(switch, put, objects):
    first = await put(b"one")
    await put(b"two")
    asked = Selection(version=first.version, conditions=ReadConditions(match=(first.etag,)))
    assert (await objects.head("box", "k", asked)).etag == first.etag


@pytest.fixture
async def tree(switch, put, objects):
    """Keys in a tree with two versions each, some with a marker; every entry in order."""
    entries = []
    for key in ("a", "a/b", "a/c", "b", "b/c/d", "c"):
        one, two = await put(b"1", key=key), await put(b"2", key=key)
        mine = [(key, two.version, True, False), (key, one.version, False, False)]
        if key in ("a/c", "c"):
            gone = await objects.delete("box", key)
            mine = [(key, gone.version, True, True), (key, two.version, False, False), mine[1]]
        entries += mine
    return entries


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_pages_join_to_the_whole(tree, objects, limit):
    found, after = [], ("", "")
    while True:
        query = VersionQuery(after=after[0], after_version=after[1], limit=limit)
        page = await objects.list_versions("box", query)
        found += [(one.key, one.version, one.is_newest, one.is_marker) for one in page.items]
        if page.next_after is None:
            break
        after = page.next_after
    assert found == tree


async def test_a_listing_takes_prefix_delimiter_and_markers(tree, listed):
    assert await listed(prefix="a") == tree[:7]
    assert await listed(prefix="b", delimiter="/") == [*tree[7:9], "b/"]
    assert await listed(delimiter="/") == [*tree[:2], "a/", *tree[7:9], "b/", *tree[11:]]
    assert await listed(delimiter="/", after="a/") == [*tree[7:9], "b/", *tree[11:]]
    assert await listed(after="a/b") == tree[4:]
    assert await listed(after="zzz") == []
    assert await listed(prefix="b", after="zzz") == []
    assert await listed(prefix="b", after="a") == tree[7:11]
    assert await listed(prefix="b/", delimiter="/", after="b/zzz/") == []
    assert await listed(limit=0) == []


async def test_a_listing_ends_at_a_prefix_of_the_highest_bytes(switch, put, listed):
    made = await put(b"1", key="\U0010ffff")
    assert await listed(delimiter="\U0010ffff") == ["\U0010ffff"]
    assert await listed() == [("\U0010ffff", made.version, True, False)]


async def test_a_page_goes_on_after_a_null_version(switch, put, listed):
    await switch("Suspended")
    await put(b"null")
    await switch("Enabled")
    first, second = await put(b"1"), await put(b"2")
    assert await listed(after="k", after_version=second.version) == [
        ("k", first.version, False, False),
        ("k", "null", False, False),
    ]
    assert await listed(after="k", after_version="null") == []
    await switch("Suspended")
    await put(b"null again")
    assert await listed(after="k", after_version="null") == [
        ("k", second.version, False, False),
        ("k", first.version, False, False),
    ]
    assert await listed(after="none", after_version="null") == []


async def test_a_bucket_with_object_lock_keeps_its_versions(store, bucket, switch):
    from zotplus.services.configuration.documents import Documents  # noqa: PLC0415 - beside its one use

    await Documents(store).change("box", lock_enabled=True)
    with pytest.raises(Problem) as raised:
        await switch("Suspended")
    assert raised.value.fault.code == "bucket_state_invalid"
    await switch("Enabled")
