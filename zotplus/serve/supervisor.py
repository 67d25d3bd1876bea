"""The supervisor's loop: one thread, no event loop, no engine open; it waits for signals and acts on them."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from enum import Enum

import structlog

from zotplus.serve.children import Child

log = structlog.get_logger("zotplus.supervisor")

MARGIN_SECONDS = 2.0
"""What workers get beyond the drain time, to close what they have open."""

UPSTREAM_STOP_SECONDS = 10.0
"""What a managed Zot gets to end, after the last worker is gone."""

_WAITED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_WAIT_MAX = 60.0


class _Phase(Enum):
    SERVING = "serving"
    DRAINING = "draining"
    ENDING = "ending"


class Supervisor:
    """Keeps ``inner`` (workers, janitor) and ``outer`` (a managed upstream, which they need to the end) running.

    ``on_drain`` is called once when the server begins to stop, ``on_restart`` with the name of a process that died.
    """

    def __init__(
        self,
        *,
        inner: Sequence[Child],
        outer: Sequence[Child],
        drain_seconds: float,
        on_drain: Callable[[], None],
        on_restart: Callable[[str], None],
    ) -> None:
        self._inner = inner
        self._outer = outer
        self._drain_seconds = drain_seconds
        self._on_drain = on_drain
        self._on_restart = on_restart
        self._phase = _Phase.SERVING
        self._deadline = 0.0

    def run(self) -> int:
        """Serve until a signal ends it; 0 when everything ended in time, 1 when something had to be killed."""
        killed = False
        while self._children_live() or self._phase is _Phase.SERVING:
            self._start_due()
            self._wait()
            self._reap()
            if self._phase is _Phase.DRAINING and not any(child.process for child in self._inner):
                self._end()
            if self._phase is not _Phase.SERVING and time.monotonic() >= self._deadline:
                killed = self._kill() or killed
        return 1 if killed else 0

    def _children_live(self) -> bool:
        return any(child.process is not None for child in (*self._outer, *self._inner))

    def _start_due(self) -> None:
        """Start what is due; while the server stops, nothing but the upstream that running requests need."""
        if self._phase is _Phase.ENDING:
            return
        startable = (*self._outer, *self._inner) if self._phase is _Phase.SERVING else self._outer
        for child in startable:
            if child.process is None and time.monotonic() >= child.due:
                child.start()
                log.info("process_started", name=child.name, process_id=child.process)

    def _wait(self) -> None:
        """Sleep until a signal, or until something is due."""
        now = time.monotonic()
        moments = [child.due for child in (*self._outer, *self._inner) if child.process is None]
        if self._phase is not _Phase.SERVING:
            moments = [self._deadline]
        seconds = min([_WAIT_MAX, *(moment - now for moment in moments)])
        received = signal.sigtimedwait(_WAITED, max(0.0, seconds))
        if received is None:
            return
        if received.si_signo in {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        elif received.si_signo == signal.SIGHUP:
            for child in self._inner:
                child.signal(signal.SIGHUP)

    def _stop(self) -> None:
        if self._phase is not _Phase.SERVING:
            self._deadline = time.monotonic()  # asked twice: do not wait any longer
            return
        log.info("drain_started", seconds=self._drain_seconds)
        self._phase = _Phase.DRAINING
        self._deadline = time.monotonic() + self._drain_seconds + MARGIN_SECONDS
        self._on_drain()
        for child in self._inner:
            child.signal(signal.SIGTERM)

    def _end(self) -> None:
        self._phase = _Phase.ENDING
        self._deadline = time.monotonic() + UPSTREAM_STOP_SECONDS
        for child in self._outer:
            child.signal(signal.SIGTERM)

    def _kill(self) -> bool:
        victims = self._inner if self._phase is _Phase.DRAINING else self._outer
        living = [child for child in victims if child.process is not None]
        for child in living:
            log.warning("process_killed", name=child.name)
            child.signal(signal.SIGKILL)
        self._deadline = time.monotonic() + MARGIN_SECONDS
        return bool(living)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            for child in (*self._outer, *self._inner):
                if child.process == process:
                    self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code: int) -> None:
        pause = child.died()
        if self._phase is _Phase.SERVING:
            log.error("process_died", name=child.name, code=code, restart_in=pause)
            self._on_restart(child.name)
        else:
            log.info("process_ended", name=child.name, code=code)
