"""Which buckets are logged, and how lines become objects."""

import pytest

from tests.unit.domain.storage.test_access_lines import line
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.access_lines import EVENT_TIME, LoggingTarget
from zotplus.records.buckets import RetentionRecord
from zotplus.services.buckets import Buckets
from zotplus.services.configuration.access_logging import AccessLogging
from zotplus.services.configuration.documents import Documents
from zotplus.services.events import access_logs as module
from zotplus.services.events.access_logs import AccessLogs
from zotplus.services.values import ListQuery

TARGET = LoggingTarget(bucket="logs", prefix="box/")


@pytest.fixture
async def settings(store, bucket):
    await Buckets(store, "here").create("logs", "owner")
    return AccessLogging(store)


@pytest.fixture
async def logs(settings, bucket, objects, clock):
    await settings.put(bucket, TARGET)
    made = AccessLogs(settings, objects, interval=60, clock=clock)
    await made.refresh()
    return made


@pytest.fixture
def written(objects, content):
    async def run():
        listing = await objects.list("logs", ListQuery())
        found = [(entry.key, await objects.get("logs", entry.key)) for entry in listing.items]
        return {key: await content.read(stored) for key, (stored, _) in found}

    return run


async def test_a_target_is_read_back_and_taken_away(settings, bucket):
    assert await settings.get(bucket) is None
    assert await settings.all() == {}
    await settings.put(bucket, TARGET)
    assert await settings.get(bucket) == TARGET
    (logged,) = (await settings.all()).values()
    assert (logged.owner, logged.region, logged.target) == ("owner", "here", TARGET)
    await settings.put(bucket, None)
    assert await settings.get(bucket) is None
    assert await settings.all() == {}


async def test_a_bucket_that_was_deleted_is_logged_no_more_even_under_its_old_name(settings, bucket, store):
    await settings.put(bucket, TARGET)
    buckets = Buckets(store, "here")
    await buckets.delete(bucket)
    assert await settings.all() == {}
    await buckets.create(bucket, "another")
    assert await settings.all() == {}


async def test_a_target_that_cannot_be_used_is_refused(settings, bucket, store):
    await Documents(store).change("logs", retention=RetentionRecord(mode="COMPLIANCE", days=1))
    for target in (TARGET, LoggingTarget(bucket="missing")):
        with pytest.raises(Problem) as caught:
            await settings.put(bucket, target)
        assert caught.value.fault is errors.LOGGING_TARGET_INVALID
    with pytest.raises(Problem) as caught:
        await settings.put(bucket, LoggingTarget(bucket="logs", prefix="é" * 451))
    assert caught.value.fault is errors.ARGUMENT_INVALID
    with pytest.raises(Problem) as caught:
        await settings.put("missing", None)
    assert caught.value.fault is errors.BUCKET_NOT_FOUND


async def test_lines_wait_and_become_one_object(logs, written, clock):
    logs.take(line(request_id="R1"))
    clock.now += 59
    logs.take(line(request_id="R2"))
    assert await logs.flush() == 0
    clock.now += 1
    assert await logs.flush() == 1
    ((key, data),) = (await written()).items()
    assert key.startswith("box/2027-01-15-08-01-00-")
    assert [text.split(" ")[6] for text in data.decode().splitlines()] == ["R1", "R2"]
    assert await logs.flush(everything=True) == 0


async def test_many_lines_wait_no_longer(logs, written, monkeypatch):
    monkeypatch.setattr(module, "FLUSH_BYTES", 1_000)
    for _ in range(5):
        logs.take(line())
    assert await logs.flush() == 1
    assert len(await written()) == 1


async def test_all_lines_are_put_at_the_end(logs, written):
    logs.take(line())
    assert await logs.flush(everything=True) == 1
    assert len(await written()) == 1


async def test_lines_of_two_days_go_to_folders_of_their_own_where_the_events_time_counts(
    settings, logs, bucket, written
):
    await settings.put(bucket, LoggingTarget(bucket="logs", partitioned=EVENT_TIME))
    await logs.refresh()
    logs.take(line(time=1_790_000_000.0))
    logs.take(line(time=1_790_086_400.0))
    assert await logs.flush(everything=True) == 2
    assert ["/".join(key.split("/")[2:6]) for key in await written()] == ["box/2026/09/21", "box/2026/09/22"]


async def test_what_there_is_no_room_for_is_dropped_and_counted(logs, monkeypatch):
    monkeypatch.setattr(module, "BYTES_MAX", 600)
    for _ in range(5):
        logs.take(line())
    assert 0 < logs.dropped < 5


async def test_room_is_given_back(logs, monkeypatch):
    monkeypatch.setattr(module, "BYTES_MAX", 600)
    for _ in range(10):
        logs.take(line())
        await logs.flush(everything=True)
    assert logs.dropped == 0


async def test_a_target_that_is_gone_costs_the_lines_and_nothing_else(logs, store):
    await Buckets(store, "here").delete("logs")
    logs.take(line())
    assert await logs.flush(everything=True) == 0
    assert logs.failed == 1


async def test_lines_of_a_bucket_whose_logging_was_switched_off_are_forgotten(logs, settings, bucket, written):
    logs.take(line())
    await settings.put(bucket, None)
    await logs.refresh()
    assert await logs.flush(everything=True) == 0
    assert await written() == {}
