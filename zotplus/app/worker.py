"""The work of one worker process: an event loop that serves its listening sockets until it is told to end."""

import asyncio
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import structlog
import uvloop

from zotplus.app.auditing import ProcessAudit
from zotplus.app.composition import engines, servers
from zotplus.app.reporting import Reporting
from zotplus.app.tasks.access_logs import WorkerAccessLogs
from zotplus.app.tls import ReloadingTls
from zotplus.domain.errors import Problem
from zotplus.gateway.head import Listener
from zotplus.gateway.transport.server import Server
from zotplus.services.identity.key_lifecycle import KeyLifecycle
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.worker")

EXIT_CLEAN = 0

USES_SECONDS = 60.0
"""How often the last use of keys is written down: one small write a minute and worker."""


def run_worker(
    settings: Settings, sockets: Mapping[Listener, socket.socket], index: int, managed_url: str | None = None
) -> int:
    """Serve ``sockets`` until SIGTERM or SIGINT, then drain; the process's exit code.

    SIGHUP reads certificate and key again. ``managed_url`` is where the supervisor's own Zot listens.
    """
    return uvloop.run(_serve(settings, sockets, index, managed_url))


async def _serve(
    settings: Settings, sockets: Mapping[Listener, socket.socket], index: int, managed_url: str | None
) -> int:
    reporting = Reporting(settings, f"worker-{index}")
    parts = engines(settings, reporting, managed_url)
    audit = ProcessAudit(settings, parts.store, parts.sealing)
    parts = replace(parts, audit=await audit.open(f"worker-{index}"))
    running = servers(settings, parts)
    logs = WorkerAccessLogs(settings, parts)
    running[Listener.MAIN].watch(logs.records.note)
    tls = ReloadingTls(settings.http.tls, settings.identity.operators) if settings.http.tls is not None else None
    if tls is not None:
        tls.distrusted = partial(_distrust, running)
    ending = _signals(tls)
    await parts.verifier.start()
    try:
        for listener, listening in sockets.items():
            await running[listener].start(listening, tls.context if tls else None, tls.holder if tls else None)
        log.info("worker_ready", worker=index)
        uses = _Uses(running[Listener.MAIN].callers, KeyLifecycle(parts.store, parts.sealing))
        logs.start()
        tasks = [asyncio.create_task(uses.keep()), *([asyncio.create_task(tls.watch())] if tls is not None else [])]
        await ending.wait()
        for task in tasks:
            task.cancel()
        log.info("worker_draining", worker=index)
        await asyncio.gather(*(running[listener].drain(settings.drain_seconds) for listener in sockets))
        await uses.note()
        await logs.close()
    finally:
        await audit.close()
        await parts.close()
        reporting.close()
    return EXIT_CLEAN


class _Uses:
    """Notes which keys and robots were used: ``callers`` collects ids and is emptied at each round."""

    def __init__(self, callers: set[str], lifecycle: KeyLifecycle) -> None:
        self._callers = callers
        self._lifecycle = lifecycle

    async def keep(self) -> None:
        """Note them every minute, until cancelled."""
        while True:
            await asyncio.sleep(USES_SECONDS)
            await self.note()

    async def note(self) -> None:
        """Note them now; what cannot be written is left out, for a full disk must not end a server that still reads."""
        used = frozenset(self._callers)
        self._callers.clear()
        try:
            await self._lifecycle.note_use(used)
        except Problem as problem:
            log.warning("uses_not_noted", fault=problem.fault.code)


def _signals(tls: ReloadingTls | None) -> asyncio.Event:
    """The event that SIGTERM and SIGINT set; SIGHUP reloads ``tls``."""
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, tls.reload if tls is not None else _ignore)
    return ending


def _distrust(running: Mapping[Listener, Server]) -> None:
    for server in running.values():
        server.distrust_certificates()


def _ignore() -> None:
    """SIGHUP without TLS: nothing to read again."""
