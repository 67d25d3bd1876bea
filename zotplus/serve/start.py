"""From settings to a running server: claim, bind, prepare, announce, supervise."""

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
import structlog

from zotplus.adapters.telemetry.logs import configure_logs
from zotplus.adapters.telemetry.metrics import Metrics
from zotplus.adapters.telemetry.metrics_table import RESTARTS, WORKERS
from zotplus.adapters.zot.discovery import Given, Managed, discover
from zotplus.adapters.zot.managed import ManagedUpstream
from zotplus.adapters.zot.managed import prepare as prepare_zot
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.serve.children import Child, block_signals, run_briefly
from zotplus.serve.data_folder import RUN_FOLDER, announce, claim, empty_run_folder, withdraw
from zotplus.serve.listening import SocketsByName, addresses, bind
from zotplus.serve.supervisor import Supervisor
from zotplus.settings import Settings

log = structlog.get_logger("zotplus.serve")

_KEEP_STDERR = 2
_LABELS = {"http": "registry, API, S3 under /s3", "s3": "S3 at the root"}


class Application(Protocol):
    """What runs inside the processes; ``zotplus.app`` is it, tests give others."""

    def prepare(self, settings: Settings) -> object:
        """Once, before any worker: check and make what is stored. Returns a struct; ``access_key`` and ``secret_key``
        in it are an administrator just made, shown once.
        """
        ...

    def run_worker(
        self, settings: Settings, sockets: dict[str, socket.socket], index: int, managed_url: str | None
    ) -> int:
        """Serve on ``sockets`` until SIGTERM, then drain; SIGHUP reloads TLS. Returns the exit code."""
        ...

    def run_janitor(self, settings: Settings) -> int:
        """Do what is due now and then until SIGTERM. Returns the exit code."""
        ...


def serve(settings: Settings, application: Application | None = None) -> int:
    """Run the server until a signal ends it; the process's exit code.

    Raises ``Problem`` where it cannot start: ``ADDRESS_UNAVAILABLE``, ``DATA_DIR_BUSY``, ``SETTING_INVALID``, and what
    preparing the storage raises.
    """
    block_signals()
    application = application or _application()
    logs = configure_logs(settings.log, process="supervisor", threaded=False)
    lock = claim(settings.data)
    try:
        run = empty_run_folder(settings.data)
        sockets = bind(settings)
        _raise_descriptor_limit()
        prepared = _prepare(application, settings)
        upstream = _upstream(settings)
        _share_memory()
        supervisor = _supervisor(settings, application, sockets, upstream)
        urls = dict(addresses(sockets[0], tls=settings.http.tls is not None))
        announce(run, urls)
        _print_banner(settings, urls, upstream, prepared)
        code = supervisor.run()
        withdraw(run)
        return code
    finally:
        logs.close()
        os.close(lock)


def _application() -> Application:
    from zotplus import app  # noqa: PLC0415 - the whole server; other commands do without it

    return app  # type: ignore[return-value,unused-ignore] # a module with these functions


def _prepare(application: Application, settings: Settings) -> dict[str, Any]:
    """Run ``prepare`` in a process of its own: an engine opened here would be shared by every fork."""
    answer = run_briefly(partial(_prepared, application, settings))
    if not answer:
        raise Problem(errors.INTERNAL_ERROR, "The storage could not be prepared; the reason is above.")
    outcome: dict[str, Any] = msgspec.json.decode(answer)
    if "problem" in outcome:
        raise Problem(CATALOGUE[outcome["problem"]], outcome["detail"])
    return outcome


def _prepared(application: Application, settings: Settings) -> bytes:
    try:
        done = application.prepare(settings)
    except Problem as problem:
        return msgspec.json.encode({"problem": problem.fault.code, "detail": problem.detail})
    plain = msgspec.to_builtins(done)
    return msgspec.json.encode(plain if isinstance(plain, dict) else {})


def _upstream(settings: Settings) -> ManagedUpstream | str | None:
    """A Zot to start, the address of a registry that runs, or None."""
    found = discover(settings.upstream)
    if isinstance(found, Managed):
        return prepare_zot(settings.upstream, settings.data, found.binary)
    return found.url if isinstance(found, Given) else None


def _supervisor(
    settings: Settings,
    application: Application,
    sockets: Sequence[SocketsByName],
    upstream: ManagedUpstream | str | None,
) -> Supervisor:
    managed = upstream if isinstance(upstream, ManagedUpstream) else None
    url = managed.url if managed else None
    workers = [
        Child(name=f"worker-{index}", run=partial(_work, application, settings, sockets, index, url))
        for index in range(settings.workers)
    ]
    janitor = Child(name="janitor", run=partial(_clean, application, settings, sockets))
    metrics = Metrics(settings.data / RUN_FOLDER, "supervisor")
    metrics.counter(WORKERS).add(settings.workers)
    return Supervisor(
        inner=[*workers, janitor],
        outer=[_zot(managed)] if managed else [],
        drain_seconds=settings.drain_seconds,
        on_drain=partial(_close_all, sockets),
        on_restart=lambda name: metrics.counter(RESTARTS, name).add(),
    )


def _work(
    application: Application, settings: Settings, sockets: Sequence[SocketsByName], index: int, managed_url: str | None
) -> int:
    _close_all([others for position, others in enumerate(sockets) if position != index])
    return application.run_worker(settings, sockets[index], index, managed_url)


def _clean(application: Application, settings: Settings, sockets: Sequence[SocketsByName]) -> int:
    _close_all(sockets)
    return application.run_janitor(settings)


def _zot(managed: ManagedUpstream) -> Child:
    """It ends by SIGTERM when the parent dies, to close its own storage, and out of reach of Ctrl-C."""
    return Child(name="zot", run=partial(_execute, managed.argv), death_signal=signal.SIGTERM, own_group=True)


def _execute(argv: Sequence[str]) -> int:
    os.dup2(_KEEP_STDERR, 1)  # standard output is for what was asked for, not for another program's log
    os.execv(argv[0], list(argv))  # noqa: S606 - the operator's own Zot


def _close_all(sockets: Sequence[SocketsByName]) -> None:
    for by_name in sockets:
        for listening in by_name.values():
            listening.close()


def _raise_descriptor_limit() -> None:
    """As many connections as the machine allows: the soft limit is 1,024 for old programs' sake (systemd, NEWS 240)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _share_memory() -> None:
    """Keep the collector off what is loaded now, so that forks go on sharing its pages (gc.freeze, Python docs)."""
    gc.collect()
    gc.freeze()


def _print_banner(
    settings: Settings, urls: dict[str, str], upstream: ManagedUpstream | str | None, prepared: dict[str, Any]
) -> None:
    lines = [f"zotplus {version('zotplus')}, {settings.workers} workers"]
    lines += [_row(_LABELS[name], url) for name, url in urls.items()]
    lines += [_row("data", str(settings.data.absolute())), _row("OCI registry behind", _upstream_name(upstream))]
    if prepared.get("secret_key"):
        lines += ["The administrator's access key, shown this once:"]
        lines += [_row("access key", prepared["access_key"]), _row("secret key", prepared["secret_key"])]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _row(label: str, value: str) -> str:
    return f"  {label:<28} {value}"


def _upstream_name(upstream: ManagedUpstream | str | None) -> str:
    if isinstance(upstream, ManagedUpstream):
        return f"{upstream.argv[0]}, started here, {upstream.url}"
    return upstream or "none: /v2/ answers 503 until upstream.url is set or Zot is installed"
