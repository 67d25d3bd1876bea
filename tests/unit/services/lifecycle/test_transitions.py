"""Transitions by the engine, over stores of classes in memory."""

import pytest

from zotplus.adapters.blobs_classes import BlobsByClass
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Terms
from zotplus.domain.storage.lifecycle.rules import Filter, NoncurrentTransition, Rule, RuleSet, Transition, When
from zotplus.ports.blobs import split_address
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.lifecycle.acting import Target
from zotplus.services.lifecycle.engine import Engine
from zotplus.services.lifecycle.lifecycles import Lifecycles
from zotplus.services.lifecycle.moves import move_one
from zotplus.services.lifecycle.walking import Cursor, read_page
from zotplus.services.lookups import find_bucket
from zotplus.services.objects import Objects
from zotplus.services.upkeep.scrub import Scrub
from zotplus.services.values import Attributes, Source

DAY = 86_400.0
LARGE = b"x" * 200_000
TERMS = Terms(classes=("COOL", "COLD"))


class House:
    """A bucket with rules, and the engine that follows them."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.blobs = BlobsByClass(BlobsMemory(), {"COOL": BlobsMemory(), "COLD": BlobsMemory()})
        self.objects = Objects(store, self.blobs, clock=clock)
        self.done = []
        self.engine = Engine(store, TERMS, blobs=self.blobs, told=self.done.extend, clock=clock)

    async def rule(self, **told):
        one = Rule(**{"id": "one", "is_enabled": True, "filter": Filter()} | told)
        await Lifecycles(self.store, classes=TERMS.classes).put("box", RuleSet(rules=(one,)))

    async def put(self, key="k", data=LARGE):
        async def chunks():
            yield data

        return await self.objects.put("box", key, Source(chunks=chunks()), Attributes())

    async def storage_class(self, key="k"):
        return (await self.objects.head("box", key)).attributes.storage_class

    async def target(self):
        return Target("box", (await self.store.read(lambda s: find_bucket(s, "box"))).id)


@pytest.fixture
def house(store, clock, bucket):
    return House(store, clock)


def to(storage_class, days):
    return Transition(when=When(days=days), storage_class=storage_class)


async def test_an_object_gets_colder_with_age_and_expires_in_the_end(house):
    await house.put()
    await house.rule(transitions=(to("COOL", 1), to("COLD", 3)), expiration=When(days=5))
    seen = []
    for _ in range(7):
        house.clock.now += DAY
        aged = await house.engine.run()
        assert (aged.failed, aged.damaged) == (0, 0)
        seen.append(await house.storage_class() if aged.removed == 0 and seen[-1:] != ["gone"] else "gone")
    assert seen == ["STANDARD", "COOL", "COOL", "COLD", "COLD", "gone", "gone"]
    assert [(one.step, one.storage_class) for one in house.done] == [("move", "COOL"), ("move", "COLD"), ("remove", "")]
    assert (await Scrub(house.store, house.blobs).run()).findings == ()


async def test_earlier_versions_move_too(house):
    await Versioning(house.store).set("box", "Enabled")
    await house.put()
    await house.put(data=LARGE + b"2")
    await house.rule(noncurrent_transitions=(NoncurrentTransition(days=1, storage_class="COLD"),))
    house.clock.now += 2 * DAY
    assert (await house.engine.run()).moved == 1
    assert await house.storage_class() == "STANDARD"
    classes = [split_address(info.digest)[1] async for info in house.blobs.list()]
    assert classes.count("COLD") == 1
    assert (await house.engine.run()).moved == 0


async def test_an_engine_without_stores_moves_nothing(house):
    await house.put()
    await house.rule(transitions=(to("COLD", 0),))
    house.clock.now += 2 * DAY
    assert (await Engine(house.store, TERMS, clock=house.clock).run()).moved == 0


async def test_an_object_whose_content_is_gone_is_counted_and_the_others_move(house):
    await house.put("a")
    await house.put("b", LARGE + b"b")
    await house.rule(transitions=(to("COLD", 0),))
    first = (await house.objects.get("box", "a"))[0].slices[0].digest
    await house.blobs.quarantine(first)
    house.clock.now += 2 * DAY
    aged = await house.engine.run()
    assert (aged.moved, aged.damaged, aged.failed) == (1, 1, 0)
    assert (await house.storage_class("a"), await house.storage_class("b")) == ("STANDARD", "COLD")


async def test_a_full_store_ends_the_bucket_for_this_round(house):
    await house.put()
    await house.rule(transitions=(to("COLD", 0),))

    async def full(_):
        raise Problem(errors.STORAGE_FULL)

    create, house.blobs.create_in = house.blobs.create_in, full
    house.clock.now += 2 * DAY
    aged = await house.engine.run()
    assert (aged.moved, aged.failed) == (0, 1)
    house.blobs.create_in = create
    assert (await house.engine.run()).moved == 1


@pytest.mark.parametrize("when", ["before", "during"])
async def test_an_object_that_is_replaced_meanwhile_is_not_moved(house, when):
    await house.put()
    await house.rule(transitions=(to("COLD", 0),))
    target = await house.target()
    bucket = await house.store.read(lambda s: find_bucket(s, "box"))
    (seen,) = (await house.store.read(lambda s: read_page(s, bucket, Cursor()))).versions
    house.clock.now += 2 * DAY
    if when == "before":
        await house.put(data=b"new")
    else:
        create = house.blobs.create_in

        async def late(storage_class):
            await house.put(data=b"new")
            return await create(storage_class)

        house.blobs.create_in = late
    now = int(house.clock.now * 1000)
    assert await move_one(house.store, house.blobs, (target, seen), TERMS, now) is None
    assert await house.storage_class() == "STANDARD"
