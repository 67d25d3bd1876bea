"""The access logs of one worker's requests: learnt of, and put as objects, by a task of its own."""

import asyncio
import contextlib

import structlog

from zotplus.app.composition import Engines, services
from zotplus.domain.errors import Problem
from zotplus.protocols.s3.telling.access_records import AccessRecords
from zotplus.services.events.access_logs import AccessLogs
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.access_logs")

REFRESH_SECONDS = 5.0
"""How long a change of a bucket's logging takes to be seen by every worker."""


class WorkerAccessLogs:
    """``records`` is to be told of requests. ``start`` and ``close`` belong around them."""

    def __init__(self, settings: Settings, parts: Engines) -> None:
        directory = services(settings, parts)
        self._logs = AccessLogs(directory.access_logging, directory.objects, interval=settings.s3.access_log_interval)
        self._told = (0, 0)
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.records = AccessRecords(self._logs)

    def start(self) -> None:
        """Learn from now on which buckets are logged, and put what has waited long enough."""
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Put all lines."""
        self._ending.set()
        if self._task is not None:
            await self._task
        await self._round(everything=True)

    async def _keep(self) -> None:
        while not self._ending.is_set():
            await self._round(everything=False)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._ending.wait()

    async def _round(self, *, everything: bool) -> None:
        try:
            await self._logs.refresh()
            await self._logs.flush(everything=everything)
        except Problem as problem:
            log.warning("access_logs_not_put", fault=problem.fault.code)
        except Exception:
            log.exception("access_logs_failed")
        lost = (self._logs.dropped, self._logs.failed)
        if lost != self._told:
            log.warning("access_log_lost", dropped_lines=lost[0], failed_objects=lost[1])
            self._told = lost
