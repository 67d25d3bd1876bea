"""The worker's task for access logs: what changed is learnt, what waited is put, what was lost is said."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from tests.faces.gateway import memory_engines, settings_for
from tests.unit.domain.storage.test_access_lines import line
from zotplus.app.composition import services
from zotplus.app.tasks import access_logs as module
from zotplus.app.tasks.access_logs import WorkerAccessLogs
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.access_lines import LoggingTarget
from zotplus.services.values import ListQuery


@pytest.fixture
async def made(monkeypatch):
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.01)
    parts, settings = memory_engines(), settings_for(Path("unused"))
    directory = services(settings, parts)
    for name in ("box", "logs"):
        await directory.buckets.create(name, "owner")
    await directory.access_logging.put("box", LoggingTarget(bucket="logs"))
    return SimpleNamespace(services=directory, worker=WorkerAccessLogs(settings, parts))


async def count(made):
    return len((await made.services.objects.list("logs", ListQuery())).items)


async def test_what_waits_at_the_end_is_put(made):
    worker = made.worker
    worker.start()
    while "box" not in worker._logs.sources:  # noqa: ASYNC110 - nobody tells when it has looked
        await asyncio.sleep(0.01)  # polls for a state, hides no race
    worker._logs.take(line(time=time.time()))
    assert await count(made) == 0
    await worker.close()
    assert await count(made) == 1


async def test_a_worker_that_never_began_ends_too(made):
    await made.worker.close()
    assert await count(made) == 0


@pytest.mark.parametrize(
    ("failure", "said"),
    [(Problem(errors.STORAGE_FAILED), "access_logs_not_put"), (RuntimeError("odd"), "access_logs_failed")],
)
async def test_a_failure_is_said_and_stops_nothing(made, monkeypatch, failure, said):
    async def fails(**_):
        raise failure

    monkeypatch.setattr(made.worker._logs, "flush", fails)
    with structlog.testing.capture_logs() as logs:
        await made.worker.close()
    assert [entry["event"] for entry in logs] == [said]


async def test_lost_lines_are_said_once(made):
    made.worker._logs.dropped = 3
    with structlog.testing.capture_logs() as logs:
        await made.worker.close()
        await made.worker.close()
    (entry,) = logs
    assert (entry["event"], entry["dropped_lines"]) == ("access_log_lost", 3)
