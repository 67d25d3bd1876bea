"""Brings events to one webhook: in order for each key, several keys at once, again and again until they are taken.

When everything fails, the endpoint is down: one event at a time tries whether it is back, with growing pauses, and
costs the others none of their attempts. When one key fails while others succeed, only that key waits. Buckets take
turns, so that what the endpoint refuses of one does not keep it from being told of others.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from zotplus.ports.webhooks import Delivered, Webhooks
from zotplus.services.events.outbox import Failed, Outbox, Waiting
from zotplus.services.lookups import Clock

BATCH = 256
"""Events that are held in memory for a webhook; one takes a few KiB at most."""
POLL_SECONDS = 1.0
"""How often a queue is asked for what is new; it costs one lookup."""
PROBE_SECONDS = 60.0
"""How long an endpoint that was down is left alone at most, so that it is soon noticed when it is back."""
_DOUBLINGS_MAX = 32  # far beyond every pause, and no number grows without bounds


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint is treated. Times in seconds; ``concurrency`` is how many keys are told at once."""

    concurrency: int = 8
    attempts: int = 16
    age: float = 86_400.0
    first_pause: float = 1.0
    longest_pause: float = 3_600.0

    def pause(self, failures: int, asked: float = 0.0) -> float:
        """The wait after so many failures in a row: doubled each time, anything from half of it to all of it."""
        longest = min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, _DOUBLINGS_MAX))
        chosen = longest * random.uniform(0.5, 1.0)  # noqa: S311 - only so that not all come back at once
        return min(max(chosen, asked), self.longest_pause)


class Outcome(StrEnum):
    """How an attempt went; ``DEAD`` is a failure after which the event is given up."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"


class Courier:
    """Delivers to the webhook ``name`` until it is cancelled. ``told`` is called with each attempt's outcome."""

    def __init__(
        self, name: str, outbox: Outbox, webhooks: Webhooks, patience: Patience, *, clock: Clock = time.time
    ) -> None:
        self.name = name
        self.told: Callable[[Outcome], None] = lambda _outcome: None
        self._outbox = outbox
        self._webhooks = webhooks
        self._patience = patience
        self._clock = clock
        self._strikes = 0
        self._asked = 0.0

    async def keep(self) -> None:
        """Deliver what is due, wait, and look again. Raises ``Problem`` when the store fails."""
        while True:
            sent = await self.round()
            if self._strikes:
                await asyncio.sleep(min(self._patience.pause(self._strikes, self._asked), PROBE_SECONDS))
            elif not sent:
                await asyncio.sleep(min(POLL_SECONDS, self._patience.first_pause))

    async def round(self) -> int:
        """Send what is due and write down what became of it; how many attempts were made."""
        if self._strikes:
            await self._expire()
        batch = await self._outbox.due(self.name, BATCH)
        if not batch:
            return 0
        if self._strikes:  # of another bucket each time: only those of one may be what is refused
            turn = self._strikes % len({one.record.bucket for one in batch})
            batch = batch[turn : turn + 1]
        return await self._deliver(_Round(batch))

    async def _deliver(self, work: "_Round") -> int:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._patience.concurrency, len(work.chains))):
                    group.create_task(self._work(work))
        finally:
            # Also when it is cancelled: what was delivered must not come again.
            await asyncio.shield(self._outbox.settle(work.delivered, work.failed))
        if work.delivered:
            self._strikes = 0
        else:
            self._strikes += 1
            self._asked = work.asked
        return len(work.delivered) + len(work.failed)

    async def _expire(self) -> None:
        """Give up what is too old while the endpoint is down: its queue must not grow for ever."""
        while old := [one for one in await self._outbox.due(self.name, BATCH) if self._is_old(one)]:
            reason = "too old, and the webhook takes nothing"
            given_up = [Failed(one, one.record.reason or reason, given_up=True, attempted=False) for one in old]
            await self._outbox.settle((), given_up)
            for _ in old:
                self.told(Outcome.DEAD)

    async def _work(self, work: "_Round") -> None:
        """Send chain after chain, until none is left or the endpoint seems to be down."""
        while work.chains and (work.delivered or len(work.failed) < self._patience.concurrency):
            for waiting in work.chains.pop():
                outcome = await self._webhooks.send(self.name, waiting.event)
                if isinstance(outcome, Delivered):
                    work.delivered.append(waiting)
                    self.told(Outcome.DELIVERED)
                    continue
                work.asked = max(work.asked, outcome.wait)
                failed = self._judge(waiting, outcome.reason, outcome.wait)
                work.failed.append(failed)
                self.told(Outcome.DEAD if failed.given_up else Outcome.FAILED)
                if not failed.given_up:
                    break  # what follows of this key waits with it

    def _judge(self, waiting: Waiting, reason: str, asked: float) -> Failed:
        attempts = waiting.record.attempts + 1
        if attempts >= self._patience.attempts or self._is_old(waiting):
            return Failed(waiting, reason, given_up=True)
        return Failed(waiting, reason, wait=self._patience.pause(attempts, asked))

    def _is_old(self, waiting: Waiting) -> bool:
        return self._clock() - waiting.record.time_ms / 1000 >= self._patience.age


class _Round:
    """The work of one round: ``chains`` are the events of one key each, in order, as the first of each comes in it."""

    def __init__(self, batch: Sequence[Waiting]) -> None:
        chains: dict[tuple[str, str], list[Waiting]] = {}
        for waiting in batch:
            chains.setdefault(waiting.order, []).append(waiting)
        self.chains = list(reversed(chains.values()))  # the last is taken first
        self.delivered: list[Waiting] = []
        self.failed: list[Failed] = []
        self.asked = 0.0


async def give_up_unknown(outbox: Outbox, known: frozenset[str]) -> int:
    """Make dead letters of a batch of events for each webhook that is not in the settings; how many."""
    given_up: list[Failed] = []
    for name in await outbox.webhooks():
        if name not in known:
            reason = f"events.webhooks names no {name}"
            waiting = await outbox.due(name, BATCH)
            given_up += [Failed(one, reason, given_up=True, attempted=False) for one in waiting]
    if given_up:
        await outbox.settle((), given_up)
    return len(given_up)
