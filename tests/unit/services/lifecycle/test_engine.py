"""The engine over memory stores: what goes, what stays, and what is told of it."""

from types import SimpleNamespace

import msgspec
import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Terms
from zotplus.domain.storage.lifecycle.rules import Filter, NoncurrentExpiration, Rule, RuleSet, When
from zotplus.records import layout
from zotplus.records.objects import ExtrasRecord, LockRecord
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.documents import Documents
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.lifecycle import acting
from zotplus.services.lifecycle.acting import Target, act_on, judge, rules_now
from zotplus.services.lifecycle.engine import Engine
from zotplus.services.lifecycle.lifecycles import KIND, Lifecycles
from zotplus.services.lifecycle.walking import Cursor, Seen, facts_now, prefixes_of, read_page
from zotplus.services.lookups import find_bucket
from zotplus.services.objects import Objects
from zotplus.services.projections import encoded_object
from zotplus.services.upkeep.collector import Collector
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import Actor, Attributes, Deletion, Source, VersionQuery
from zotplus.services.versioning.finding import find_newest, find_place, find_version

DAY = 86_400.0
LARGE = b"x" * 1000


@pytest.fixture
def objects(store, blobs, clock):
    return Objects(store, blobs, inline_limit=100, clock=clock)


@pytest.fixture
def lifecycles(store):
    return Lifecycles(store)


@pytest.fixture
def told():
    return []


@pytest.fixture
def engine(store, clock, told):
    return Engine(store, told=told.extend, clock=clock)


@pytest.fixture
def put(objects, bucket):
    async def one(key="k", data=LARGE, **attributes):
        async def chunks():
            yield data

        return (await objects.put(bucket, key, Source(chunks=chunks()), Attributes(**attributes))).version

    return one


@pytest.fixture
def rule(lifecycles, bucket):
    async def set_one(**told):
        one = Rule(**{"id": "one", "is_enabled": True, "filter": Filter()} | told)
        await lifecycles.put(bucket, RuleSet(rules=(one,)))

    return set_one


@pytest.fixture
def versions(objects, bucket):
    async def listed():
        found = await objects.list_versions(bucket, VersionQuery())
        return [(one.key, one.version, one.is_marker) for one in found.items]

    return listed


@pytest.fixture
def ground(store, blobs, clock, told, engine):
    return {"store": store, "blobs": blobs, "clock": clock, "told": told, "engine": engine}


@pytest.fixture
def house(ground, objects, multipart, bucket, content):
    """All of these by name, for tests that need more than a few."""
    return SimpleNamespace(objects=objects, multipart=multipart, bucket=bucket, content=content, **ground)


@pytest.fixture
def home(house, put, rule, versions):
    vars(house).update(put=put, rule=rule, versions=versions)
    return house


def find_version_of(snapshot, key):
    return find_newest(snapshot, find_place(snapshot, "box", key))


async def switch(store, state):
    await Versioning(store).set("box", state)


async def assert_sound(store, blobs, clock):
    """Every count is right, and nothing is left of what went."""
    assert (await Scrub(store, blobs).run()).findings == ()
    await Collector(store, blobs).run(clock.now + 1e6)
    assert [info.digest async for info in blobs.list()] == sorted(
        {key[1:].hex() for key, _ in await store.read(lambda s: list(s.scan(*layout.table_span(layout.REFERENCES))))}
    )


async def test_an_object_goes_with_its_content_when_its_days_are_over(home):
    await home.put()
    await home.rule(expiration=When(days=3))
    home.clock.now += 3 * DAY
    assert (await home.engine.run()).removed == 0
    home.clock.now += DAY
    aged = await home.engine.run()
    assert (aged.buckets, aged.versions, aged.removed) == (1, 1, 1)
    assert await home.versions() == []
    await assert_sound(home.store, home.blobs, home.clock)
    assert [info async for info in home.blobs.list()] == []


async def test_a_bucket_without_rules_is_not_looked_at(engine, put, clock):
    await put()
    clock.now += 1000 * DAY
    assert msgspec.to_builtins(await engine.run()) == dict.fromkeys(msgspec.to_builtins(await engine.run()), 0)


async def test_rules_that_are_all_disabled_are_not_looked_for(engine, put, rule, clock):
    await put()
    await rule(expiration=When(days=1), is_enabled=False)
    clock.now += 1000 * DAY
    aged = await engine.run()
    assert (aged.buckets, aged.versions) == (1, 0)


async def test_where_versions_are_kept_a_marker_hides_what_expires(home):
    await switch(home.store, "Enabled")
    first = await home.put()
    await home.rule(expiration=When(days=1))
    home.clock.now += 2 * DAY
    assert (await home.engine.run()).hidden == 1
    (marker, old) = await home.versions()
    assert (marker[2], old) == (True, ("k", first, False))
    assert [(one.step, one.key, one.version, one.rule) for one in home.told] == [("mark", "k", first, "one")]
    home.clock.now += 9 * DAY
    assert (await home.engine.run()).hidden == 0


async def test_markers_that_rules_make_are_nobodys_but_theirs(engine, put, rule, clock, store):
    """CVE-2024-7143 (Pulp): what a task in the background makes does not get the last caller's name."""
    await switch(store, "Enabled")
    await put()
    await rule(expiration=When(days=1))
    clock.now += 2 * DAY
    await engine.run()
    marker = await store.read(lambda s: find_version_of(s, "k"))
    assert (marker.record.is_marker, marker.record.owner) == (True, acting.JANITOR.principal)


async def test_a_suspended_bucket_loses_its_null_version_to_the_marker(home):
    await switch(home.store, "Suspended")
    await home.put()
    await home.rule(expiration=When(days=1))
    home.clock.now += 2 * DAY
    assert (await home.engine.run()).hidden == 1
    assert await home.versions() == [("k", "null", True)]


async def test_earlier_versions_go_but_for_those_that_are_kept(home):
    await switch(home.store, "Enabled")
    made = [await home.put(data=LARGE + bytes([number])) for number in range(5)]
    await home.rule(noncurrent_expiration=NoncurrentExpiration(days=1, newer=2))
    home.clock.now += 2 * DAY
    assert (await home.engine.run()).removed == 2
    assert [one[1] for one in await home.versions()] == [made[4], made[3], made[2]]
    await assert_sound(home.store, home.blobs, home.clock)


async def test_markers_that_hide_nothing_go_and_others_stay(home):
    await switch(home.store, "Enabled")
    await home.put("hidden")
    await home.objects.delete("box", "hidden")
    await home.objects.delete("box", "nothing")
    await home.rule(expires_markers=True)
    aged = await home.engine.run()
    assert aged.removed == 1
    assert {one[0] for one in await home.versions()} == {"hidden"}


async def test_a_key_fades_away_over_several_runs(home):
    await switch(home.store, "Enabled")
    await home.put()
    await home.rule(expiration=When(days=1), noncurrent_expiration=NoncurrentExpiration(days=1))
    for _ in range(4):
        home.clock.now += 2 * DAY
        await home.engine.run()
    assert await home.versions() == []
    await assert_sound(home.store, home.blobs, home.clock)


async def test_uploads_are_aborted_and_their_parts_go(home):
    upload = await home.multipart.create(home.bucket, "tmp/a", "owner", Attributes(), None)
    await home.multipart.put_part(home.bucket, "tmp/a", upload.upload_id, 1, home.content.source(LARGE))
    kept = await home.multipart.create(home.bucket, "b", "owner", Attributes(), None)
    await home.rule(abort_days=2, filter=Filter(prefix="tmp/"))
    home.clock.now = upload.initiated + DAY
    assert (await home.engine.run()).aborted == 0
    home.clock.now = upload.initiated + 3 * DAY
    assert (await home.engine.run()).aborted == 1
    (left,) = await home.store.read(lambda s: [key for key, _ in s.scan(*layout.table_span(layout.UPLOADS))])
    assert layout.split_upload(left)[1] == kept.upload_id
    await assert_sound(home.store, home.blobs, home.clock)


async def lock(store, key, version=""):
    """Put a legal hold on a version, as its owner would."""

    def hold(transaction):
        place = find_place(transaction, "box", key)
        found = find_version(transaction, place, version or "null")
        extras = ExtrasRecord(lock=LockRecord(legal_hold=True))
        changed = msgspec.structs.replace(found.record, extras=extras)
        transaction.put(found.at, encoded_object(changed, found.inline))

    await store.write(hold)


async def test_a_locked_version_stays_whatever_the_rules_say(home):
    """RustFS GHSA-j548: an expiry that does not ask for locks deletes what must be kept."""
    await home.put("kept")
    await home.put("gone")
    await lock(home.store, "kept")
    await home.rule(expiration=When(days=1))
    home.clock.now += 2 * DAY
    aged = await home.engine.run()
    assert (aged.removed, aged.locked) == (1, 1)
    assert await home.versions() == [("kept", "null", False)]
    assert {one.key: one.is_locked for one in home.told} == {"kept": True, "gone": False}


async def test_a_locked_null_version_is_not_lost_to_a_marker(home):
    await home.put()
    await lock(home.store, "k")
    await switch(home.store, "Suspended")
    await home.rule(expiration=When(days=1))
    home.clock.now += 2 * DAY
    aged = await home.engine.run()
    assert (aged.hidden, aged.locked) == (0, 1)
    assert await home.versions() == [("k", "null", False)]


async def seen_of(store, key="k", version="null"):
    def look(snapshot):
        place = find_place(snapshot, "box", key)
        return Seen(version=version, facts=facts_now(snapshot, place, find_version(snapshot, place, version)))

    return await store.read(look)


async def target_of(store):
    return Target("box", (await store.read(lambda s: find_bucket(s, "box"))).id)


async def acted(store, seen, now):
    target = await target_of(store)
    return await store.write(lambda t: act_on(t, target, [seen], Terms(), int(now * 1000)))


async def test_what_was_written_anew_since_it_was_seen_stays(store, put, rule, clock, versions):
    await put()
    await rule(expiration=When(days=1))
    seen = await seen_of(store)
    clock.now += 5 * DAY
    await put(data=b"new")
    assert await acted(store, seen, clock.now) == ()
    assert await versions() == [("k", "null", False)]


async def test_what_was_tagged_since_it_was_seen_is_judged_by_its_new_tags(store, put, rule, clock, objects):
    await put(tags={"a": "b"})
    await rule(expiration=When(days=1), filter=Filter(tags=(("a", "b"),)))
    seen = await seen_of(store)
    await objects.change("box", "k", "", lambda _, record: msgspec.structs.replace(record, extras=None))
    assert await acted(store, seen, clock.now + 5 * DAY) == ()


async def test_what_has_gone_since_it_was_seen_is_no_matter(store, put, rule, clock, objects):
    await put()
    await rule(expiration=When(days=1))
    seen = await seen_of(store)
    await objects.delete("box", "k", Deletion(by=Actor()))
    assert await acted(store, seen, clock.now + 5 * DAY) == ()


async def test_nothing_goes_by_rules_that_were_removed_meanwhile(store, put, rule, clock, lifecycles):
    await put()
    await rule(expiration=When(days=1))
    seen = await seen_of(store)
    await lifecycles.delete("box")
    assert await acted(store, seen, clock.now + 5 * DAY) == ()


async def test_a_later_bucket_of_the_same_name_is_another(store, put, rule, clock):
    await put()
    await rule(expiration=When(days=1))
    seen, now = await seen_of(store), int((clock.now + 5 * DAY) * 1000)
    for target in (Target("box", b"12345678"), Target("no-such-box", b"12345678")):
        assert await store.read(lambda s, t=target: judge(s, t, seen, Terms(), now)) is None
        assert await store.read(lambda s, t=target: rules_now(s, t)) is None


async def test_an_upload_that_has_ended_meanwhile_is_not_aborted(store, rule, clock, multipart, bucket):
    upload = await multipart.create(bucket, "a", "owner", Attributes(), None)
    key = layout.upload((await target_of(store)).id, b"a", upload.upload_id)
    target, later = await target_of(store), int((upload.initiated + 9 * DAY) * 1000)

    async def aborted(now=later):
        return await store.write(lambda t: acting.abort(t, target, key, Terms(), now))

    assert await aborted() is None
    await rule(abort_days=1, filter=Filter(prefix="b"))
    assert await aborted() is None
    await rule(abort_days=1)
    assert await aborted(int(upload.initiated * 1000)) is None
    assert (await aborted()).upload == upload.upload_id
    assert await aborted() is None


async def test_a_bucket_whose_rules_cannot_be_read_does_not_stop_the_others(home):
    await Documents(home.store).put("box", KIND, b"\xff")
    await Buckets(home.store, "here").create("another", "owner")
    await home.put()
    aged = await home.engine.run()
    assert (aged.buckets, aged.failed) == (1, 1)
    assert len(await home.versions()) == 1
    target = await target_of(home.store)
    with pytest.raises(Problem) as raised:
        await home.store.read(lambda s: rules_now(s, target))
    assert raised.value.fault is errors.STORAGE_FAILED


async def test_a_bucket_that_goes_while_the_round_runs_is_passed_over(store, bucket, clock, rule, lifecycles):
    await rule(expiration=When(days=1))

    class Late:
        """A store whose bucket loses its rules right after the buckets were read."""

        def __init__(self):
            self.reads = 0

        async def read(self, function):
            self.reads += 1
            if self.reads == 2:
                await lifecycles.delete(bucket)
            return await store.read(function)

    aged = await Engine(Late(), clock=clock).run()
    assert (aged.buckets, aged.versions, aged.failed) == (1, 0, 0)


async def test_a_record_that_is_damaged_is_counted_and_passed_over(engine, store, put, rule, clock):
    """CVE-2023-25812, RustFS GHSA-j548: whose lock cannot be read is not taken for unlocked, and stays."""
    await put("a")
    await put("b")
    await rule(expiration=When(days=1))
    clock.now += 9 * DAY
    target = await target_of(store)
    await store.write(lambda t: t.put(layout.object_(target.id, b"a"), b"broken"))
    aged = await engine.run()
    assert (aged.damaged, aged.removed) == (1, 1)


async def test_more_than_a_batch_is_done_in_several(store, put, rule, clock, versions):
    for number in range(250):
        await put(f"{number:03}", b"")
    await rule(expiration=When(days=1))
    clock.now += 9 * DAY
    engine = Engine(store, clock=clock)
    engine.page = 120
    assert (await engine.run()).removed == 250
    assert await versions() == []


async def test_only_what_lies_under_the_prefixes_of_rules_is_read(store, put, lifecycles, clock, objects):
    await switch(store, "Enabled")
    for key in ("a", "a/b", "a/c", "b", "b/c", "b/d", "c"):
        await put(key, b"")
        await put(key, b"")
    told = {"is_enabled": True, "noncurrent_expiration": NoncurrentExpiration(days=1)}
    rules = (
        Rule(id="1", filter=Filter(prefix="b/"), **told),
        Rule(id="2", filter=Filter(prefix="a/"), **told),
        Rule(id="3", filter=Filter(prefix="a/b"), **told),
        Rule(id="4", is_enabled=False, filter=Filter(), expiration=When(days=1)),
        Rule(id="5", is_enabled=True, filter=Filter(), abort_days=1),
    )
    await lifecycles.put("box", RuleSet(rules=rules))
    assert prefixes_of(RuleSet(rules=rules)) == ("a/", "b/")
    clock.now += 3 * DAY
    engine = Engine(store, clock=clock)
    engine.page = 3
    aged = await engine.run()
    assert (aged.versions, aged.removed) == (8, 4)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_of_any_size_show_the_same(store, objects, put, limit):
    await switch(store, "Enabled")
    for key in ("a", "a\x01", "b"):
        for number in range(3):
            await put(key, bytes([number]))
    await objects.delete("box", "a")
    await objects.delete("box", "none")

    def walk(snapshot, size):
        bucket, cursor, found = find_bucket(snapshot, "box"), Cursor(), []
        while cursor is not None:
            page = read_page(snapshot, bucket, cursor, size)
            found.extend(page.versions)
            cursor = page.following
        return found

    def again(snapshot, seen):
        place = find_place(snapshot, "box", seen.facts.key)
        return facts_now(snapshot, place, find_version(snapshot, place, seen.version))

    whole = await store.read(lambda s: walk(s, 1000))
    assert len(whole) == 11
    assert await store.read(lambda s: walk(s, limit)) == whole
    assert await store.read(lambda s: [again(s, seen) for seen in whole]) == [seen.facts for seen in whole]
    alone = [seen.facts.key for seen in whole if seen.facts.is_alone]
    assert alone == ["none"]


async def test_lifecycles_tell_when_an_object_ends(lifecycles, objects, put, rule, bucket):
    await put()
    info = await objects.head(bucket, "k")
    assert info.ages is False
    assert await lifecycles.expiry(bucket, info) is None
    await rule(expiration=When(days=1))
    info = await objects.head(bucket, "k")
    assert info.ages is True
    assert (await lifecycles.expiry(bucket, info)).rule == "one"
    assert await lifecycles.abortion(bucket, "k", info.modified) is None
    await rule(abort_days=1)
    assert (await lifecycles.abortion(bucket, "k", info.modified)).rule == "one"
    await lifecycles.delete(bucket)
    assert await lifecycles.abortion(bucket, "k", info.modified) is None
    with pytest.raises(Problem) as raised:
        await lifecycles.get(bucket)
    assert raised.value.fault is errors.LIFECYCLE_MISSING


async def test_a_bucket_that_cannot_be_finished_is_counted(engine, store, put, rule, clock):
    await put()
    await rule(expiration=When(days=1))
    clock.now += 9 * DAY
    await store.write(lambda t: t.put(next(iter(t.scan(b"R", b"S")))[0], b"broken"))
    assert (await engine.run()).failed == 1


async def test_a_bucket_whose_record_cannot_be_read_is_no_bucket_that_has_gone(store, bucket):
    target = await target_of(store)
    await store.write(lambda t: t.put(layout.bucket(bucket), b"broken"))
    with pytest.raises(Problem) as raised:
        await store.read(lambda s: rules_now(s, target))
    assert raised.value.fault is errors.STORAGE_FAILED
