"""What ageing leaves behind: events, and the count of what a bucket holds."""

import pytest

from zotplus.adapters.blobs_classes import BlobsByClass
from zotplus.adapters.blobs_memory import BlobsMemory
from zotplus.domain.storage.events import Destination
from zotplus.domain.storage.events import Rule as EventRule
from zotplus.domain.storage.lifecycle.decisions import Terms
from zotplus.domain.storage.lifecycle.rules import Filter, NoncurrentExpiration, Rule, RuleSet, Transition, When
from zotplus.services.configuration.usage import find_usage
from zotplus.services.configuration.versioning import Versioning
from zotplus.services.events.notifications import Notifications
from zotplus.services.events.outbox import Outbox
from zotplus.services.lifecycle.engine import Engine
from zotplus.services.lifecycle.lifecycles import Lifecycles
from zotplus.services.lookups import find_bucket
from zotplus.services.objects import Objects
from zotplus.services.values import Attributes, Source

DAY = 86_400.0


@pytest.fixture
def blobs():
    return BlobsByClass(BlobsMemory(), {"COLD": BlobsMemory()})


@pytest.fixture
def objects(store, blobs, clock):
    return Objects(store, blobs, clock=clock)


@pytest.fixture
def run(store, blobs, clock):
    engine = Engine(store, Terms(classes=("COLD",)), blobs=blobs, clock=clock)

    async def after(days):
        clock.now += days * DAY
        return await engine.run()

    return after


@pytest.fixture
async def put(objects, bucket, store):
    await Versioning(store).set(bucket, "Enabled")

    async def one(size, key="k"):
        async def chunks():
            yield b"x" * size

        return (await objects.put(bucket, key, Source(chunks=chunks()), Attributes())).version

    return one


@pytest.fixture
async def rules(store, bucket):
    one = Rule(
        id="one",
        is_enabled=True,
        filter=Filter(larger_than=0),
        transitions=(Transition(when=When(days=1), storage_class="COLD"),),
        expiration=When(days=2),
        noncurrent_expiration=NoncurrentExpiration(days=1),
    )
    await Lifecycles(store, classes=("COLD",)).put(bucket, RuleSet(rules=(one,)))


async def test_events_tell_what_rules_did_and_to_which_version(store, clock, run, put, rules):
    told = EventRule(
        id="all", destination=Destination.QUEUE.value, arn="arn:zotplus:webhook:::hook", webhook="hook",
        events=("LifecycleExpiration:*", "LifecycleTransition"),
    )  # fmt: skip
    await Notifications(store, ["hook"], clock=clock).put("box", (told,))
    version = await put(200_000)
    for _ in range(3):
        await run(2)
    waiting = await Outbox(store, clock=clock).due("hook", 100)
    events = [(one.event.name, one.event.key, one.event.version) for one in waiting if one.event.key == "k"]
    assert [event[0] for event in events] == [
        "LifecycleTransition",
        "LifecycleExpiration:DeleteMarkerCreated",
        "LifecycleExpiration:Delete",
    ]
    assert (events[0][2], events[2][2]) == (version, version)
    assert events[1][2] not in (version, None)


async def test_what_expires_is_no_longer_counted(store, run, put, rules):
    await put(1_000)
    await put(3_000)
    await put(500, "other")

    async def usage():
        found = await store.read(lambda s: find_usage(s, find_bucket(s, "box")))
        return found.size, found.objects

    assert await usage() == (4_500, 3)
    await run(2)
    assert await usage() == (3_500, 2)
    for _ in range(3):
        await run(2)
    assert await usage() == (0, 0)
