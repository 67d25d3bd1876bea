"""The one janitor process: collects what nothing refers to, and keeps the store's house in order."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
import structlog
import uvloop

from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import AGED, JOB_FAILURES, JOB_SECONDS
from zotplus.app.auditing import ProcessAudit
from zotplus.app.composition import Engines, engines, services
from zotplus.app.reporting import Reporting
from zotplus.app.tasks.delivering import Delivering
from zotplus.domain.audit.records import EventKind, Record, Who
from zotplus.domain.audit.times import timestamp
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Terms
from zotplus.ports.keyvalue import SupportsMaintenance
from zotplus.services.lifecycle.acting import JANITOR, Done
from zotplus.services.lifecycle.engine import Engine
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
    ageing: asyncio.Task[None] | None = None
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        await audit.open("janitor")
        audit.ship()
        delivering.start()
        ageing = asyncio.create_task(_age(settings, parts, reporting.metrics, audit))
        while not ending.is_set():
            await _round(settings, parts, reporting.metrics, audit)
            await _job(reporting.metrics, "dead_letters", delivering.forget())
            try:
                async with asyncio.timeout(settings.collector.interval):
                    await ending.wait()
            except TimeoutError:
                continue
    finally:
        if ageing is not None:
            ageing.cancel()
            await asyncio.gather(ageing, return_exceptions=True)
        await delivering.close()
        await audit.close()
        await parts.close()
        reporting.close()
    return 0


async def _age(settings: Settings, parts: Engines, metrics: Metrics, audit: ProcessAudit) -> None:
    """Let objects age by the rules of their buckets, at an interval of its own: a round may be a long one."""
    engine = Engine(
        parts.store,
        Terms(day=settings.lifecycle.day, classes=settings.class_names),
        blobs=parts.blobs,
        told=partial(_tell_aged, metrics, audit),
    )
    while True:
        begun = time.monotonic()
        try:
            aged = await _job(metrics, "lifecycle", engine.run())
        except Exception:
            log.exception("lifecycle_failed")
        else:
            told = msgspec.to_builtins(aged) if aged is not None else {}
            log.info("lifecycle_round", seconds=round(time.monotonic() - begun, 3), **told)
        await asyncio.sleep(settings.lifecycle.interval)


def _tell_aged(metrics: Metrics, audit: ProcessAudit, done: Sequence[Done]) -> None:
    """Count what rules did, and write it into the audit log."""
    for one in done:
        metrics.counter(AGED, "locked" if one.is_locked else one.step).add()
    who, now = Who(JANITOR.principal, "janitor"), timestamp(time.time())
    audit.append(
        [
            Record(0, now, EventKind.LIFECYCLE, face="s3", operation=one.step, who=who, details=_details(one))
            for one in done
            if not one.is_locked  # nothing happened, and the next round finds it again
        ]
    )


def _details(done: Done) -> dict[str, str | int | float]:
    named: dict[str, str] = msgspec.to_builtins(done)
    return {name: value for name, value in named.items() if value and name != "step"}


async def _round(settings: Settings, parts: Engines, metrics: Metrics, audit: ProcessAudit) -> None:
    """One round; the failure of a job is logged and counted, and the next round tries again."""
    begun = time.monotonic()
    directory = services(settings, parts)
    collected = await _job(metrics, "collector", directory.collector.run(time.time()))
    told = msgspec.to_builtins(collected) if collected is not None else {}
    told["counted_buckets"] = await _job(metrics, "usage", directory.usage.count_uncounted())
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
