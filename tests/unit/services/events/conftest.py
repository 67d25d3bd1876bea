"""A bucket whose events are asked for, and an endpoint that does what a test says."""

import asyncio

import pytest

from zotplus.domain.storage.events import Destination, Rule
from zotplus.ports.webhooks import Delivered, Undelivered
from zotplus.services.events.announcing import Change, announce
from zotplus.services.events.dead_letters import DeadLetters
from zotplus.services.events.notifications import Notifications
from zotplus.services.events.outbox import Outbox
from zotplus.services.lookups import find_bucket
from zotplus.services.values import Actor

ALICE = Actor(principal="key:alice", request_id="R1", address="192.0.2.1")


def rule(id_="all", webhook="hook", events=("ObjectCreated:*", "ObjectRemoved:*"), **changes):
    arn = f"arn:zotplus:webhook:::{webhook}"
    return Rule(id=id_, destination=Destination.QUEUE.value, arn=arn, webhook=webhook, events=events, **changes)


class Endpoint:
    """Webhooks in memory: ``fails`` are keys -> how often they fail still; ``takes`` is who was told what, in order."""

    def __init__(self):
        self.takes = []
        self.tried = []
        self.fails = {}
        self.running = 0
        self.most = 0
        self.wait = 0.0

    async def send(self, name, event):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        self.tried.append(event.key)
        if self.fails.get(event.key, 0) > 0:
            self.fails[event.key] -= 1
            return Undelivered("answered 500", self.wait)
        self.takes.append((name, event.key, event.name, event.number))
        return Delivered()

    async def close(self):
        pass


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
def notifications(store, clock):
    return Notifications(store, ["hook", "other"], clock=clock)


@pytest.fixture
def outbox(store, clock):
    return Outbox(store, clock=clock)


@pytest.fixture
def letters(store, clock):
    return DeadLetters(store, clock=clock)


@pytest.fixture
def announced(store, bucket, clock):
    """Announces events of the bucket: one for each of the keys."""

    async def run(*keys, name="ObjectCreated:Put", of=bucket, **changes):
        def write(transaction):
            for key in keys:
                change = Change(name=name, key=key, by=ALICE, time_ms=int(clock.now * 1000), **changes)
                announce(transaction, (of, find_bucket(transaction, of)), change)

        await store.write(write)

    return run


@pytest.fixture
async def told(notifications, bucket, outbox):
    """The bucket's events go to ``hook``; the test event is out of the way."""
    await notifications.put(bucket, (rule(),))
    await outbox.settle(await outbox.due("hook", 10), ())
    return bucket
