"""The janitor's couriers: from a store to an endpoint over a real socket, counted, and none in another's way."""

import asyncio

import pytest
import structlog
from aiohttp import web

from zotplus.adapters.keyvalue_memory import KeyValueMemory
from zotplus.adapters.telemetry.metrics import Metrics, sums
from zotplus.adapters.webhooks.settings import EventSettings, WebhookSettings
from zotplus.app.tasks import delivering as module
from zotplus.app.tasks.delivering import Delivering
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.events import Rule
from zotplus.services.buckets import Buckets
from zotplus.services.events.dead_letters import DeadLetters
from zotplus.services.events.notifications import Notifications
from zotplus.services.events.outbox import Outbox


class Endpoint:
    """Answers with ``status``, after ``gate`` is open; ``taken`` counts the paths."""

    def __init__(self):
        self.status = 200
        self.gates = {}
        self.taken = []

    async def handle(self, request):
        if request.path in self.gates:
            await self.gates[request.path].wait()
        self.taken.append(request.path)
        return web.Response(status=self.status)


@pytest.fixture
async def endpoint():
    made = Endpoint()
    runner = web.ServerRunner(web.Server(made.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
def metrics(tmp_path):
    made = Metrics(tmp_path / "metrics", "janitor")
    yield made
    made.close()


@pytest.fixture
def counted(tmp_path):
    return lambda name, *labels: sums(tmp_path / "metrics").get((name, *labels), [0])[0]


@pytest.fixture
async def store():
    made = KeyValueMemory()
    await Buckets(made, "here").create("box", "owner")
    return made


@pytest.fixture
async def deliver(store, metrics, endpoint, monkeypatch):
    """Starts delivering to webhooks of these names, all at the one endpoint."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.02)
    running = []

    def start(*names, **settings):
        webhooks = tuple(WebhookSettings(name=name, url=f"{endpoint.url}/{name}", reach="local") for name in names)
        made = Delivering(EventSettings(webhooks=webhooks, first_pause=0.02, **settings), store, metrics)
        made.start()
        running.append(made)
        return made

    yield start
    for one in running:
        await one.close()


async def tell(store, *names):
    """A test event to each of the webhooks."""
    rules = tuple(
        Rule(
            id=name,
            destination="queue",
            arn=f"arn:zotplus:webhook:::{name}",
            webhook=name,
            events=("ObjectCreated:Put",),
            prefix=name,
        )
        for name in names
    )
    await Notifications(store).put("box", rules, validate=False)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - counters tell nobody
            await asyncio.sleep(0.01)  # polls for a state, hides no race


async def dead_letters(store):
    """The dead letters once there are some: they are counted when given up, and written down a moment later."""
    async with asyncio.timeout(20):
        while not (found := await DeadLetters(store).list()):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)
    return found


async def test_events_are_delivered_and_counted(store, deliver, endpoint, counted):
    await tell(store, "hook")
    deliver("hook")
    await until(lambda: counted("zotplus_events_total", "hook", "delivered") == 1)
    assert endpoint.taken == ["/hook"]
    await until(lambda: counted("zotplus_events_queued", "hook") == 0)


async def test_a_webhook_that_stands_still_delays_no_other(store, deliver, endpoint, counted):
    endpoint.gates["/stuck"] = asyncio.Event()
    await tell(store, "stuck", "quick")
    deliver("stuck", "quick")
    await until(lambda: endpoint.taken == ["/quick"])
    await until(lambda: counted("zotplus_events_queued", "stuck") == 1)
    await until(lambda: counted("zotplus_events_lag_seconds", "stuck") > 0)
    endpoint.gates["/stuck"].set()
    await until(lambda: counted("zotplus_events_queued", "stuck") == 0)
    await until(lambda: counted("zotplus_events_lag_seconds", "stuck") == 0)


async def test_failures_are_said_once_each_and_end_as_dead_letters(store, deliver, endpoint, counted):
    endpoint.status = 500
    await tell(store, "hook")
    with structlog.testing.capture_logs() as logs:
        running = deliver("hook", attempts=3)
        await until(lambda: counted("zotplus_events_total", "hook", "dead") == 1)
    assert counted("zotplus_events_total", "hook", "failed") == 2
    said = [entry["attempts"] for entry in logs if entry["event"] == "webhook_failing"]
    assert said == sorted(set(said))
    (letter,) = await dead_letters(store)
    assert letter.reason == "answered 500"
    assert await running.forget() == 0


async def test_events_for_names_that_are_gone_become_dead_letters(store, deliver):
    await tell(store, "gone")
    with structlog.testing.capture_logs() as logs:
        deliver("hook")
        assert await dead_letters(store)
    assert {"events_for_unknown_webhooks"} <= {entry["event"] for entry in logs}


async def test_a_store_that_fails_for_a_while_stops_nothing(store, deliver, endpoint, monkeypatch):
    real, failures = Outbox.due, [Problem(errors.STORAGE_FAILED), RuntimeError("odd")]

    async def due(self, webhook, limit):
        if failures:
            raise failures.pop(0)
        return await real(self, webhook, limit)

    async def queues(self, scanned=0):
        raise Problem(errors.STORAGE_FAILED)

    monkeypatch.setattr(Outbox, "due", due)
    monkeypatch.setattr(Outbox, "queues", queues)
    await tell(store, "hook")
    with structlog.testing.capture_logs() as logs:
        deliver("hook")
        await until(lambda: endpoint.taken == ["/hook"])
    assert {"events_not_delivered", "courier_failed", "events_not_measured"} <= {entry["event"] for entry in logs}
