"""Child processes: forked, tied to their parent's life, started again with growing pauses."""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds before a dead process is started again. The first time at once: connections wait for it."""

STEADY_SECONDS = 30.0
"""A process that lived this long counts as healthy; its next death is its first again."""

EXIT_FAULT = 70  # sysexits.h: EX_SOFTWARE
_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_NAME = 15
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(kw_only=True)
class Child:
    """One place in the server: what runs there, as which process, and when it may be started (again)."""

    name: str
    run: Callable[[], int]
    death_signal: signal.Signals = signal.SIGKILL
    own_group: bool = False
    process: int | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        """Fork. In the child this does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            _live(self, parent)
        self.process = process
        self.started = time.monotonic()

    def died(self) -> float:
        """Note the death; the seconds until it is due again."""
        now = time.monotonic()
        self.process = None
        self.deaths = 1 if now - self.started >= STEADY_SECONDS else self.deaths + 1
        pause = PAUSES[min(self.deaths, len(PAUSES)) - 1]
        self.due = now + pause
        return pause

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` if it runs."""
        if self.process is not None:
            os.kill(self.process, number)  # not reaped yet, so the number cannot be another process


def block_signals() -> None:
    """In the parent: deliver its signals only to ``sigtimedwait``."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)


def _live(child: Child, parent: int) -> None:
    """The child's whole life; ends the process without the parent's exit handlers."""
    code = EXIT_FAULT
    try:
        _settle(child, parent)
        code = child.run()
    except BaseException:  # noqa: BLE001 - the last frame of the process
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def die_with_parent(number: signal.Signals, parent: int) -> None:
    """Have the kernel send ``number`` to this process when ``parent`` dies; ends it at once where that has happened."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(EXIT_FAULT)


def _settle(child: Child, parent: int) -> None:
    die_with_parent(child.death_signal, parent)
    _libc.prctl(_PR_SET_NAME, f"zp-{child.name}".encode()[:15], 0, 0, 0)
    if child.own_group:
        os.setpgid(0, 0)  # Ctrl-C reaches the whole group; only the parent decides about it
    for number in _HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the same; the parent sends SIGTERM
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until its own handler stands: it is about to read what HUP reloads
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)


def run_briefly(run: Callable[[], bytes]) -> bytes:
    """Run ``run`` in a process of its own and return what it returned; an empty answer when the process failed."""
    reading, writing = os.pipe()

    def write() -> int:
        with os.fdopen(writing, "wb") as file:
            file.write(run())
        return 0

    child = Child(name="prepare", run=write)
    child.start()
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    if child.process is not None:
        os.waitpid(child.process, 0)
    return answer
