"""From settings to a running server: claim, bind, prepare, announce, supervise."""

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Protocol, TypeAlias

import msgspec

from zotplus.adapters.telemetry.logs import configure_logs
from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import RESTARTS, WORKERS
from zotplus.adapters.zot.discovery import Given, Managed, discover
from zotplus.adapters.zot.managed import ManagedUpstream, without_orderly_end
from zotplus.adapters.zot.managed import prepare as prepare_zot
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.gateway.head import Listener
from zotplus.serve.children import Child, block_signals, run_briefly
from zotplus.serve.data_folder import METRICS_FOLDER, announce, claim, empty_run_folder, withdraw
from zotplus.serve.foreign import run_program
from zotplus.serve.listening import Sockets, addresses, bind
from zotplus.serve.supervisor import Supervisor
from zotplus.settings import Settings

_LABELS = {Listener.MAIN: "registry, API, S3 under /s3", Listener.S3: "S3 at the root"}

COLLECT_AFTER = 20_000
"""Objects until the next search for reference cycles, of which requests make none; Python's 700 are a few requests."""

OciRegistry: TypeAlias = ManagedUpstream | Given | None
"""A Zot to start, a registry that runs already, or none."""


class Application(Protocol):
    """What runs inside the processes; ``zotplus.app`` is it, tests give others."""

    def prepare(self, settings: Settings, /) -> tuple[str, str] | None:
        """Once, before any worker: check and make what is stored.

        Returns access key and secret of an administrator that was drawn just now, to be shown; nothing when they were
        set. Raises ``Problem``.
        """
        ...

    def run_worker(
        self, settings: Settings, sockets: Mapping[Listener, socket.socket], index: int, managed_url: str | None, /
    ) -> int:
        """Serve on ``sockets`` until SIGTERM, then drain; SIGHUP reloads TLS. Returns the exit code."""
        ...

    def run_janitor(self, settings: Settings, /) -> int:
        """Do what is due now and then until SIGTERM. Returns the exit code."""
        ...


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of ``prepare``: an administrator drawn just now, or the problem by its code."""

    administrator: tuple[str, str] | None = None
    problem: str | None = None
    detail: str = ""


def serve(settings: Settings, application: Application | None = None) -> int:
    """Run the server until a signal ends it; the process's exit code.

    Raises ``Problem`` where it cannot start: ``ADDRESS_UNAVAILABLE``, ``DATA_DIR_BUSY``, ``SETTING_INVALID``, and what
    preparing the storage raises.
    """
    block_signals()
    logs = configure_logs(settings.log, process="supervisor", threaded=False)
    # A new folder is only made by a server that can listen; one that is there tells a second start best.
    bound = None if settings.data.exists() else bind(settings)
    lock = claim(settings.data)
    try:
        run = empty_run_folder(settings.data)
        sockets = bound or bind(settings)
        if application is None:
            from zotplus import app  # noqa: PLC0415 - 0.3 s that a port in use need not wait for

            application = app
        _raise_descriptor_limit()
        prepared = _prepare(application, settings)
        upstream = _upstream(settings)
        supervisor = _supervisor(settings, application, sockets, upstream)
        urls = dict(addresses(sockets[0], tls=settings.http.tls is not None))
        announce(run, {listener.value: url for listener, url in urls.items()})
        _print_banner(settings, urls, upstream, prepared)
        _share_memory()
        code = supervisor.run()
        withdraw(run)
        return code
    finally:
        logs.close()
        os.close(lock)


def _prepare(application: Application, settings: Settings) -> Prepared:
    """Run ``prepare`` in a process of its own: an engine opened here would be shared by every fork."""
    answer = run_briefly(partial(_prepared, application, settings))
    if not answer:
        raise Problem(errors.INTERNAL_ERROR, "The storage could not be prepared; the reason is above.")
    outcome = msgspec.json.decode(answer, type=Prepared)
    if outcome.problem is not None:
        raise Problem(CATALOGUE[outcome.problem], outcome.detail)
    return outcome


def _prepared(application: Application, settings: Settings) -> bytes:
    try:
        _check_certificate(settings)
        outcome = Prepared(administrator=application.prepare(settings))
    except Problem as problem:
        outcome = Prepared(problem=problem.fault.code, detail=problem.detail)
    return msgspec.json.encode(outcome)


def _check_certificate(settings: Settings) -> None:
    """Refuse at the start what every worker would die of. Raises ``SETTING_INVALID``."""
    if settings.http.tls is not None:
        from zotplus.app.tls import ReloadingTls  # noqa: PLC0415 - ssl only where it is used

        ReloadingTls(settings.http.tls)


def _upstream(settings: Settings) -> OciRegistry:
    found = discover(settings.upstream)
    if isinstance(found, Managed):
        return prepare_zot(settings.upstream, settings.data, found.binary)
    return found if isinstance(found, Given) else None


def _supervisor(
    settings: Settings, application: Application, sockets: Sequence[Sockets], upstream: OciRegistry
) -> Supervisor:
    managed = upstream if isinstance(upstream, ManagedUpstream) else None
    url = managed.url if managed else None
    workers = [
        Child(name=f"worker-{index}", run=partial(_work, application, settings, sockets, (index, url)))
        for index in range(settings.workers)
    ]
    janitor = Child(name="janitor", run=partial(_keep_house, application, settings, sockets))
    metrics = Metrics(settings.data / METRICS_FOLDER, "supervisor")
    metrics.counter(WORKERS).add(settings.workers)
    return Supervisor(
        inner=[*workers, janitor],
        outer=[_zot(managed, sockets)] if managed else [],
        drain_seconds=settings.drain_seconds,
        on_drain=partial(_close_all, sockets),
        on_restart=lambda name: metrics.counter(RESTARTS, name).add(),
    )


def _work(
    application: Application, settings: Settings, sockets: Sequence[Sockets], place: tuple[int, str | None]
) -> int:
    index, managed_url = place
    _close_all([others for position, others in enumerate(sockets) if position != index])
    return application.run_worker(settings, sockets[index], index, managed_url)


def _keep_house(application: Application, settings: Settings, sockets: Sequence[Sockets]) -> int:
    _close_all(sockets)
    return application.run_janitor(settings)


def _zot(managed: ManagedUpstream, sockets: Sequence[Sockets]) -> Child:
    """It ends by SIGTERM when the parent dies, to close its own storage, and out of reach of Ctrl-C."""
    run = partial(_pass_on, managed, sockets)
    return Child(name="zot", run=run, death_signal=signal.SIGTERM, own_group=True)


def _pass_on(managed: ManagedUpstream, sockets: Sequence[Sockets]) -> int:
    _close_all(sockets)  # while anybody holds them, a client that comes during the drain waits instead of being refused
    return run_program(managed.argv, without_orderly_end)


def _close_all(sockets: Sequence[Sockets]) -> None:
    for by_listener in sockets:
        for listening in by_listener.values():
            listening.close()


def _raise_descriptor_limit() -> None:
    """As many connections as the machine allows: the soft limit is 1,024 for old programs' sake (systemd, NEWS 240)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _share_memory() -> None:
    """Keep the collector off what is loaded now, so that forks go on sharing its pages (gc.freeze, Python docs)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _print_banner(settings: Settings, urls: Mapping[Listener, str], upstream: OciRegistry, prepared: Prepared) -> None:
    lines = [f"zotplus {version('zotplus')}, {settings.workers} workers"]
    lines += [_row(_LABELS[listener], url) for listener, url in urls.items()]
    lines += [_row("data", str(settings.data.absolute())), _row("OCI registry behind", _upstream_name(upstream))]
    if prepared.administrator is not None:
        access_key, secret_key = prepared.administrator
        lines += ["The administrator, shown this once (`zotplus keys` has more):"]
        lines += [_row("access key", access_key), _row("secret key", secret_key)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _row(label: str, value: str) -> str:
    return f"  {label:<28} {value}"


def _upstream_name(upstream: OciRegistry) -> str:
    if isinstance(upstream, ManagedUpstream):
        return f"{upstream.argv[0]}, started here, {upstream.url}"
    return upstream.url if upstream else "none: /v2/ answers 503 until upstream.url is set or Zot is installed"
