"""Delivery: order, retries, giving up, and endpoints that are down."""

import asyncio

import pytest

from tests.unit.services.events.conftest import rule
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.buckets import Buckets
from zotplus.services.events import courier as module
from zotplus.services.events.courier import Courier, Outcome, Patience, give_up_unknown

pytestmark = pytest.mark.usefixtures("told")

PATIENCE = Patience(concurrency=4, attempts=3, age=1_000, first_pause=10, longest_pause=100)


@pytest.fixture
def courier(outbox, endpoint, clock):
    return Courier("hook", outbox, endpoint, PATIENCE, clock=clock)


def keys(endpoint):
    return [key for _, key, _, _ in endpoint.takes]


async def test_what_is_announced_is_delivered_once_and_then_gone(announced, courier, endpoint, outbox):
    await announced("a", "b")
    assert await courier.round() == 2
    assert sorted(keys(endpoint)) == ["a", "b"]
    assert await courier.round() == 0
    assert await outbox.webhooks() == ()


async def test_events_of_one_key_come_in_order_and_keys_at_once(announced, courier, endpoint):
    await announced(*["hot"] * 5, "x", "y", "z", "hot")
    await courier.round()
    numbers = [number for _, key, _, number in endpoint.takes if key == "hot"]
    assert numbers == sorted(numbers)
    assert len(numbers) == 6
    assert 1 < endpoint.most <= PATIENCE.concurrency


async def test_a_failing_key_waits_with_all_that_follows_while_others_go_on(
    announced, courier, endpoint, clock, letters
):
    endpoint.fails["bad"] = 1
    await announced("bad", "bad", "good")
    await courier.round()
    assert keys(endpoint) == ["good"]
    await announced("good", "bad")
    await courier.round()
    assert keys(endpoint) == ["good", "good"]
    clock.now += 10
    await courier.round()
    assert keys(endpoint) == ["good", "good", "bad", "bad", "bad"]
    assert await letters.list() == ()


async def test_after_its_attempts_an_event_is_a_dead_letter_and_the_next_of_its_key_comes(
    announced, courier, endpoint, clock, letters
):
    outcomes = []
    courier.told = outcomes.append
    endpoint.fails["bad"] = 3
    await announced("bad", "bad", name="ObjectCreated:Copy")
    for _ in range(3):
        await announced("good")
        await courier.round()
        clock.now += 100
    (letter,) = await letters.list()
    assert (letter.webhook, letter.event.key, letter.attempts, letter.reason) == ("hook", "bad", 3, "answered 500")
    assert keys(endpoint).count("bad") == 1
    assert outcomes.count(Outcome.FAILED) == 2
    assert outcomes.count(Outcome.DEAD) == 1
    assert outcomes.count(Outcome.DELIVERED) == 4


async def test_an_event_that_is_too_old_is_given_up_at_its_next_failure(announced, courier, endpoint, clock, letters):
    endpoint.fails["bad"] = 9
    await announced("bad")
    clock.now += PATIENCE.age
    await courier.round()
    assert len(await letters.list()) == 1


async def test_an_endpoint_that_is_down_is_tried_with_one_event_at_a_time(announced, courier, endpoint, outbox):
    names = [f"k{n}" for n in range(20)]
    endpoint.fails = dict.fromkeys(names, 9)
    await announced(*names)
    # Those that are under way when the last failure is known are all that is tried.
    assert await courier.round() <= 2 * PATIENCE.concurrency
    tried = len(endpoint.tried)
    assert await courier.round() == 1
    assert len(endpoint.tried) == tried + 1
    endpoint.fails = {}
    assert await courier.round() == 1
    await courier.round()
    untouched = [one.number for one in await outbox.due("hook", 100)]
    assert untouched == []
    assert len(keys(endpoint)) == 20 - tried - 1


@pytest.fixture
async def neighbour(store, notifications, outbox, told):
    """Another bucket whose events go to the same webhook."""
    await Buckets(store, "eu-1").create("neighbour", "ada")
    await notifications.put("neighbour", (rule(),))
    await outbox.settle(await outbox.due("hook", 10), ())
    return "neighbour"


async def test_buckets_take_turns_however_long_the_queue_of_one_is(announced, outbox, neighbour, told):
    await announced(*[f"k{n}" for n in range(50)], "k0")
    await announced("x", "y", of=neighbour)
    found = [(one.record.bucket, one.record.key) for one in await outbox.due("hook", 5)]
    assert found == [(told, "k0"), (neighbour, "x"), (told, "k1"), (neighbour, "y"), (told, "k2")]


async def test_what_is_refused_of_one_bucket_does_not_keep_that_of_others(announced, courier, endpoint, neighbour):
    """Whoever may write to one bucket can have events made that its receiver refuses, as many as they like."""
    refused = [f"k{n}" for n in range(50)]
    endpoint.fails = dict.fromkeys(refused, 99)
    await announced(*refused)
    await announced("x", of=neighbour)
    await courier.round()
    assert keys(endpoint) == ["x"]
    await announced(*[f"more{n}" for n in range(50)])
    endpoint.fails |= {f"more{n}": 99 for n in range(50)}
    await courier.round()  # nothing of it was delivered: the endpoint seems to be down
    await announced("y", of=neighbour)
    for _ in range(2):
        await courier.round()
    assert keys(endpoint) == ["x", "y"]


async def test_pauses_grow_up_to_the_longest_and_vary():
    pauses = [PATIENCE.pause(failures) for failures in (1, 2, 3, 60, 10_000)]
    assert 5 <= pauses[0] <= 10
    assert 10 <= pauses[1] <= 20
    assert all(50 <= pause <= 100 for pause in pauses[3:])
    assert PATIENCE.pause(1, 50) == 50
    assert PATIENCE.pause(1, 10**9) == 100
    assert len({PATIENCE.pause(1) for _ in range(10)}) > 1


async def test_what_the_endpoint_asks_for_is_waited(announced, courier, endpoint, clock, outbox):
    endpoint.fails["bad"], endpoint.wait = 1, 60.0
    await announced("bad")
    await courier.round()
    clock.now += 59
    assert await outbox.due("hook", 1) == ()
    clock.now += 1
    assert len(await outbox.due("hook", 1)) == 1


async def test_what_was_delivered_is_written_down_when_the_courier_is_stopped(announced, courier, outbox):
    class Slow:
        def __init__(self):
            self.reached = asyncio.Event()

        async def send(self, name, event):
            if event.key == "slow":
                self.reached.set()
                await asyncio.Event().wait()
            return module.Delivered()

    courier._webhooks = slow = Slow()
    await announced("quick", "slow")
    task = asyncio.create_task(courier.round())
    await slow.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [waiting.record.key for waiting in await outbox.due("hook", 10)] == ["slow"]


async def test_it_keeps_delivering_until_it_is_cancelled(announced, courier, endpoint, monkeypatch):
    pauses = []
    real = asyncio.sleep

    async def sleep(seconds):
        if seconds:
            pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    endpoint.fails["first"] = 1
    await announced("first")
    task = asyncio.create_task(courier.keep())
    while len(pauses) < 2:
        await real(0)
    await announced("second")
    while "second" not in keys(endpoint) or module.POLL_SECONDS not in pauses:
        await real(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 5 <= pauses[0] <= 10


async def test_events_for_webhooks_that_are_not_in_the_settings_become_dead_letters(announced, outbox, letters):
    await announced("a", "b")
    assert await give_up_unknown(outbox, frozenset({"hook"})) == 0
    assert await give_up_unknown(outbox, frozenset({"other"})) == 2
    assert [letter.reason for letter in await letters.list()] == ["events.webhooks names no hook"] * 2


async def test_queues_tell_how_they_are(announced, outbox, courier, endpoint, clock):
    assert await outbox.queues() == ()
    since = clock.now
    endpoint.fails["a"] = 1
    await announced("a", "b", "c")
    await courier.round()
    clock.now += 5
    await announced("d")
    (queue,) = await outbox.queues()
    assert (queue.webhook, queue.waiting, queue.more, queue.oldest) == ("hook", 2, False, since)
    assert (queue.attempts, queue.reason) == (1, "answered 500")
    (queue,) = await outbox.queues(1)
    assert (queue.waiting, queue.more) == (1, True)


async def test_what_was_delivered_is_gone_even_when_there_is_no_room_for_what_failed(
    announced, courier, endpoint, outbox, store
):
    endpoint.fails["bad"] = 1
    await announced("good", "bad")
    write, full = store.write, iter([False, True])

    async def limited(function):
        if next(full, False):
            raise Problem(errors.STORAGE_FULL)
        return await write(function)

    store.write = limited
    with pytest.raises(Problem):
        await courier.round()
    assert [waiting.record.key for waiting in await outbox.due("hook", 10)] == ["bad"]
    await courier.round()
    assert sorted(keys(endpoint)) == ["bad", "good"]


async def test_the_queue_of_an_endpoint_that_stays_down_does_not_grow_for_ever(
    announced, courier, endpoint, clock, letters
):
    names = [f"k{n}" for n in range(600)]
    endpoint.fails = dict.fromkeys([*names, "young"], 9)
    outcomes = []
    courier.told = outcomes.append
    await announced(*names)
    await courier.round()
    tried = len(endpoint.tried)
    clock.now += PATIENCE.age
    await announced("young")
    await courier.round()
    found = await letters.list()
    assert len(found) == 600
    assert {letter.reason for letter in found} == {"answered 500", "too old, and the webhook takes nothing"}
    assert sum(letter.attempts for letter in found) == tried
    assert endpoint.tried[tried:] == ["young"]
    assert outcomes.count(Outcome.DEAD) == 600
