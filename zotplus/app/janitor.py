"""The one janitor process: collects what nothing refers to, and keeps the store's house in order."""

import asyncio
import signal
import time
from collections.abc import Awaitable
from typing import TypeVar

import msgspec
import structlog
import uvloop

from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import JOB_FAILURES, JOB_SECONDS
from zotplus.app.auditing import ProcessAudit
from zotplus.app.composition import Engines, engines, services
from zotplus.app.delivering import Delivering
from zotplus.app.reporting import Reporting
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import SupportsMaintenance
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.janitor")

T = TypeVar("T")


def run_janitor(settings: Settings) -> int:
    """Do the housekeeping at its intervals until SIGTERM or SIGINT; the process's exit code."""
    return uvloop.run(_keep(settings))


async def _keep(settings: Settings) -> int:
    reporting = Reporting(settings, "janitor")
    parts = engines(settings, reporting)
    audit = ProcessAudit(settings, parts.store, parts.sealing)
    delivering = Delivering(settings.events, parts.store, reporting.metrics)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        await audit.open("janitor")
        audit.ship()
        delivering.start()
        while not ending.is_set():
            await _round(settings, parts, reporting.metrics, audit)
            await _job(reporting.metrics, "dead_letters", delivering.forget())
            try:
                async with asyncio.timeout(settings.collector.interval):
                    await ending.wait()
            except TimeoutError:
                continue
    finally:
        await delivering.close()
        await audit.close()
        await parts.close()
        reporting.close()
    return 0


async def _round(settings: Settings, parts: Engines, metrics: Metrics, audit: ProcessAudit) -> None:
    """One round; the failure of a job is logged and counted, and the next round tries again."""
    begun = time.monotonic()
    directory = services(settings, parts)
    collected = await _job(metrics, "collector", directory.collector.run(time.time()))
    told = msgspec.to_builtins(collected) if collected is not None else {}
    own = directory.tokens
    rotated = await _job(metrics, "signing_keys", own.keys.rotate_if_older(own.settings.key_lifetime))
    if rotated:
        log.info("signing_key_rotated", key=rotated)
    told["forgotten_tokens"] = await _job(metrics, "used_tokens", directory.federation.replays.forget())
    told["audit_files"] = await _job(metrics, "audit_retention", audit.retain())
    if isinstance(parts.store, SupportsMaintenance):
        told["stale_readers"] = await _job(metrics, "maintenance", parts.store.maintain())
    log.info("janitor_round", seconds=round(time.monotonic() - begun, 3), **told)


async def _job(metrics: Metrics, name: str, job: Awaitable[T]) -> T | None:
    """What ``job`` comes to, timed; None when it failed."""
    import prometheus_async.aio  # noqa: PLC0415 - 30 ms that a start need not wait for

    try:
        result: T = await prometheus_async.aio.time(metrics.histogram(JOB_SECONDS, name), job)
    except Problem as problem:
        metrics.counter(JOB_FAILURES, name).add()
        log.warning("janitor_job_failed", job=name, fault=problem.fault.code, detail=problem.detail)
        return None
    return result
