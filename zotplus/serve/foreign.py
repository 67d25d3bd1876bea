"""Another program as a child of ours: its output passes through here line by line, and its end is ours."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn

from zotplus.serve.children import EXIT_FAULT, die_with_parent

LINE_BYTES = 65_536
"""Lines are longer than this only by accident; such a one passes in pieces."""

_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2
_KILLED_BY = 128
"""As shells report a program that a signal ended (POSIX, "Exit Status for Commands")."""


def run_program(argv: Sequence[str], line_of: Callable[[bytes], bytes]) -> int:
    """Run ``argv`` to its end and give its exit code; 128 and the signal's number where a signal ended it.

    Both of its outputs go to our standard error, each line as ``line_of`` makes it: standard output is for what was
    asked for. SIGTERM is passed on, and everything that is said after it is still written. When this process is killed
    the program is too.
    """
    reading, writing = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until there is somebody to pass it on to
    parent, process = os.getpid(), os.fork()
    if process == 0:
        _become(argv, writing, parent)
    os.close(writing)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(process, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with os.fdopen(reading, "rb") as lines:
        while line := lines.readline(LINE_BYTES):
            _write(line_of(line))
    # nothing to pass on from here: the number may be another process's once this one is waited for
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code if code >= 0 else _KILLED_BY - code


def _become(argv: Sequence[str], output: int, parent: int) -> NoReturn:
    try:
        die_with_parent(signal.SIGKILL, parent)
        os.dup2(output, _STANDARD_OUTPUT)
        os.dup2(output, _STANDARD_ERROR)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.execv(argv[0], list(argv))  # noqa: S606 - the operator's own program
    except OSError as error:
        os.write(_STANDARD_ERROR, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(EXIT_FAULT)


def _write(line: bytes) -> None:
    while line:
        line = line[os.write(_STANDARD_ERROR, line) :]
