"""The one janitor process: collects what nothing refers to, and keeps the store's house in order."""

import asyncio
import signal
import time

import msgspec
import structlog
import uvloop

from zotplus.app.composition import Engines, engines, services
from zotplus.app.reporting import Reporting
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import SupportsMaintenance
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.janitor")


def run_janitor(settings: Settings) -> int:
    """Do the housekeeping at its intervals until SIGTERM or SIGINT; the process's exit code."""
    return uvloop.run(_keep(settings))


async def _keep(settings: Settings) -> int:
    reporting = Reporting(settings, "janitor")
    parts = engines(settings, reporting.telemetry, reporting.exposition)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        while not ending.is_set():
            await _round(settings, parts)
            try:
                async with asyncio.timeout(settings.collector.interval):
                    await ending.wait()
            except TimeoutError:
                continue
    finally:
        await parts.close()
        reporting.close()
    return 0


async def _round(settings: Settings, parts: Engines) -> None:
    """One round; a failure is logged and the next round tries again."""
    begun = time.monotonic()
    directory = services(settings, parts)
    try:
        collected = await directory.collector.run(time.time())
        stale = await parts.store.maintain() if isinstance(parts.store, SupportsMaintenance) else 0
    except Problem as problem:
        log.warning("janitor_round_failed", fault=problem.fault.code, detail=problem.detail)
        return
    seconds = round(time.monotonic() - begun, 3)
    log.info("janitor_round", stale_readers=stale, seconds=seconds, **msgspec.to_builtins(collected))
