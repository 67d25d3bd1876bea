"""Dead letters: looked at, tried again, forgotten."""

import pytest

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.services.events import dead_letters as module
from zotplus.services.events.outbox import Failed


@pytest.fixture
def buried(announced, outbox, told):
    async def run(*keys):
        await announced(*keys)
        await outbox.settle((), [Failed(one, "gone", given_up=True) for one in await outbox.due("hook", 100)])

    return run


async def names(letters):
    return [letter.event.key for letter in await letters.list()]


async def test_they_are_listed_page_by_page(buried, letters, clock):
    await buried("a", "b", "c")
    first = await letters.list(limit=2)
    assert [letter.event.key for letter in first] == ["a", "b"]
    assert (first[0].webhook, first[0].attempts, first[0].reason, first[0].died) == ("hook", 1, "gone", clock.now)
    assert [letter.event.key for letter in await letters.list(first[-1].event.id)] == ["c"]


async def test_one_is_tried_again_as_the_newest(buried, letters, outbox, announced):
    await buried("a", "b")
    (first, _) = await letters.list()
    await announced("c")
    await letters.retry(first.event.id)
    assert [one.record.key for one in await outbox.due("hook", 10)] == ["c", "a"]
    assert await names(letters) == ["b"]
    assert (await outbox.due("hook", 10))[-1].record.attempts == 0


async def test_all_are_tried_again_in_order(buried, letters, outbox, monkeypatch):
    monkeypatch.setattr(module, "PAGE_MAX", 2)
    await buried("a", "b", "c", "d", "e")
    assert await letters.retry_all("other") == 0
    assert await letters.retry_all() == 5
    assert [one.record.key for one in await outbox.due("hook", 10)] == ["a", "b", "c", "d", "e"]
    assert await names(letters) == []


async def test_one_or_all_are_forgotten(buried, letters):
    await buried("a", "b", "c")
    (first, *_) = await letters.list()
    await letters.delete(first.event.id)
    assert await names(letters) == ["b", "c"]
    assert await letters.delete_all("other") == 0
    assert await letters.delete_all("hook") == 2
    assert await names(letters) == []


async def test_what_was_tried_again_by_another_meanwhile_is_not_tried_twice(buried, letters, store, outbox):
    await buried("a")
    write = store.write

    async def overtaken(function):
        store.write = write
        (only,) = await letters.list()
        await letters.retry(only.event.id)
        return await write(function)

    store.write = overtaken
    await letters.retry_all()
    assert len(await outbox.due("hook", 10)) == 1


async def test_old_ones_are_forgotten(buried, letters, clock):
    await buried("a")
    clock.now += 100
    await buried("b")
    assert await letters.forget(50) == 1
    assert await names(letters) == ["b"]


async def test_one_that_is_not_there_is_told(buried, letters):
    for call in (letters.retry("evt_0000000000000001"), letters.delete("evt_0000000000000001")):
        with pytest.raises(Problem) as caught:
            await call
        assert caught.value.fault is errors.RECORD_NOT_FOUND


@pytest.mark.parametrize("text", ["1", "evt_", "evt_ffffffffffffffff", "evt_000000000000000A", "evt_0000000000000001x"])
async def test_what_is_no_id_is_refused(letters, text):
    for call in (letters.retry(text), letters.delete(text), letters.list(text)):
        with pytest.raises(Problem) as caught:
            await call
        assert caught.value.fault is errors.ARGUMENT_INVALID
