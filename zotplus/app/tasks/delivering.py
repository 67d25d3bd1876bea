"""Delivery of events by the janitor: a courier for each webhook, so that none waits for another, and their metrics."""

import asyncio
import time

import structlog

from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import EVENTS, EVENTS_LAG, EVENTS_QUEUED
from zotplus.adapters.webhooks.client import HttpWebhooks
from zotplus.adapters.webhooks.settings import EventSettings, WebhookSettings
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue
from zotplus.services.events.courier import Courier, Outcome, Patience, give_up_unknown
from zotplus.services.events.dead_letters import DeadLetters
from zotplus.services.events.outbox import Outbox, Queue

log = structlog.get_logger("zotplus.events")

WATCH_SECONDS = 10.0
"""How often queues are measured: the metrics are as old at most."""
_AGAIN_SECONDS = 5.0
_NANOSECONDS = 1_000_000_000


class Delivering:
    """All couriers of the settings. Raises ``SETTING_INVALID`` where a webhook's secret file cannot be used."""

    def __init__(self, settings: EventSettings, store: KeyValue, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._outbox = Outbox(store)
        self._letters = DeadLetters(store)
        self._webhooks = HttpWebhooks(settings.webhooks)
        self._measured: dict[str, tuple[int, int]] = {}
        self._said: dict[str, tuple[int, str]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Deliver from now on."""
        for webhook in self._settings.webhooks:
            self._tasks.append(asyncio.create_task(self._keep(self._courier(webhook))))
        self._tasks.append(asyncio.create_task(self._watch()))

    async def close(self) -> None:
        """Stop; what was delivered is written down, what is under way will be tried again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._webhooks.close()

    async def forget(self) -> int:
        """Forget dead letters that are too old; how many."""
        forgotten = 0
        while page := await self._letters.forget(self._settings.dead_letter_age):
            forgotten += page
        return forgotten

    def _courier(self, webhook: WebhookSettings) -> Courier:
        settings = self._settings
        patience = Patience(
            concurrency=webhook.concurrency,
            attempts=settings.attempts,
            age=settings.max_age,
            first_pause=settings.first_pause,
            longest_pause=settings.longest_pause,
        )
        courier = Courier(webhook.name, self._outbox, self._webhooks, patience)
        counters = {outcome: self._metrics.counter(EVENTS, webhook.name, outcome.value) for outcome in Outcome}
        courier.told = lambda outcome: counters[outcome].add()
        return courier

    async def _keep(self, courier: Courier) -> None:
        while True:
            try:
                await courier.keep()
            except Problem as problem:  # the store is full or fails; the events are still there
                log.warning("events_not_delivered", webhook=courier.name, fault=problem.fault.code)
            except Exception:
                log.exception("courier_failed", webhook=courier.name)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _watch(self) -> None:
        known = frozenset(webhook.name for webhook in self._settings.webhooks)
        while True:
            try:
                await self._look(known)
            except Problem as problem:
                log.warning("events_not_measured", fault=problem.fault.code)
            await asyncio.sleep(WATCH_SECONDS)

    async def _look(self, known: frozenset[str]) -> None:
        given_up = await give_up_unknown(self._outbox, known)
        if given_up:
            log.warning("events_for_unknown_webhooks", given_up=given_up)
        queues = {queue.webhook: queue for queue in await self._outbox.queues()}
        for name in known:
            self._measure(name, queues.get(name))

    def _measure(self, name: str, queue: Queue | None) -> None:
        """Gauges go up and down by differences, since each process has its own."""
        waiting = 0 if queue is None else queue.waiting
        lag = 0 if queue is None else max(0, int((time.time() - queue.oldest) * _NANOSECONDS))
        before = self._measured.get(name, (0, 0))
        self._metrics.counter(EVENTS_QUEUED, name).add(waiting - before[0])
        self._metrics.counter(EVENTS_LAG, name).add(lag - before[1])
        self._measured[name] = (waiting, lag)
        self._tell(name, queue)

    def _tell(self, name: str, queue: Queue | None) -> None:
        """Say each failure of the first in the queue once."""
        state = (0, "") if queue is None else (queue.attempts, queue.reason)
        if state[1] and state != self._said.get(name):
            log.warning("webhook_failing", webhook=name, attempts=state[0], reason=state[1])
        self._said[name] = state
