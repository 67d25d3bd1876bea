"""Rules of buckets, and what is announced by them."""

import pytest

from tests.unit.services.events.conftest import ALICE, rule
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.configuration.documents import write_document


async def test_rules_are_read_back_as_they_were_set(notifications, bucket):
    assert await notifications.get(bucket) == ()
    rules = (rule(prefix="a/"), rule("two", "other", prefix="b/"))
    await notifications.put(bucket, rules)
    assert await notifications.get(bucket) == rules
    await notifications.put(bucket, ())
    assert await notifications.get(bucket) == ()


async def test_every_destination_is_told_once_that_it_is_one(notifications, bucket, outbox):
    await notifications.put(bucket, (rule(prefix="a/"), rule("two", prefix="b/"), rule("three", "other", prefix="c")))
    for name in ("hook", "other"):
        (waiting,) = await outbox.due(name, 10)
        assert (waiting.record.name, waiting.record.bucket) == ("TestEvent", bucket)


async def test_a_webhook_that_the_settings_do_not_name_is_refused_unless_validation_is_skipped(notifications, bucket):
    with pytest.raises(Problem, match="Unable to validate the following destination configurations") as caught:
        await notifications.put(bucket, (rule(webhook="missing"),))
    assert caught.value.fault is errors.ARGUMENT_INVALID
    await notifications.put(bucket, (rule(webhook="missing"),), validate=False)
    assert len(await notifications.get(bucket)) == 1


async def test_rules_of_a_missing_bucket_are_refused(notifications):
    for call in (notifications.get("missing"), notifications.put("missing", (rule(),))):
        with pytest.raises(Problem) as caught:
            await call
        assert caught.value.fault is errors.BUCKET_NOT_FOUND


async def test_a_change_is_announced_with_all_that_is_known_of_it(told, announced, outbox, clock):
    await announced("key", size=5, etag="e", version="v1")
    (waiting,) = await outbox.due("hook", 10)
    event = waiting.event
    assert (event.name, event.bucket, event.key, event.rule) == ("ObjectCreated:Put", told, "key", "all")
    assert (event.size, event.etag, event.version) == (5, "e", "v1")
    assert (event.principal, event.request_id, event.address) == ("key:alice", "R1", "192.0.2.1")
    assert (event.owner, event.region, event.time) == ("owner", "here", clock.now)
    assert ALICE.address == event.address


async def test_what_nobody_asked_for_is_not_announced(bucket, announced, notifications, outbox):
    await announced("key")
    assert await outbox.newest() == 0
    await notifications.put(bucket, (rule(prefix="wanted/"),))
    before = await outbox.newest()
    await announced("other")
    await announced("wanted/key", name="ObjectTagging:Put")
    assert await outbox.newest() == before


async def test_numbers_grow_even_when_the_clock_stands_or_goes_back(told, announced, outbox, clock):
    await announced("a", "b")
    clock.now -= 1_000
    await announced("c")
    numbers = [waiting.number for waiting in await outbox.due("hook", 10)]
    assert numbers == sorted(set(numbers))
    assert await outbox.newest() == numbers[-1]


@pytest.mark.parametrize("data", [b"", b"n\x01not msgpack", b"n\x02\x91\x90", b"n\x01\x91\x91\x90"])
async def test_a_damaged_configuration_fails_the_change_instead_of_losing_its_event(store, bucket, announced, data):
    await store.write(lambda transaction: write_document(transaction, bucket, "notification", data))
    with pytest.raises(Problem) as caught:
        await announced("key")
    assert caught.value.fault is errors.STORAGE_FAILED
