"""The data folder as the supervisor sees it: one server at a time, and what is said about the one that runs."""

import fcntl
import os
import shutil
from pathlib import Path

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

LOCK_FILE = "lock"
RUN_FOLDER = "run"
METRICS_FOLDER = "run/metrics"
"""Where ``app.reporting`` keeps the counters of workers and janitor; the supervisor adds its own."""

STATE_FILE = "server.json"
FOLDER_MODE = 0o700


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """``run/server.json``: the server that runs, for the CLI on the same machine. Addresses by listener."""

    process: int
    addresses: dict[str, str]


def claim(folder: Path) -> int:
    """Make ``folder`` where missing and lock it for this server; the lock's descriptor, to be kept open.

    Children inherit it, so the folder stays taken until the last of them is gone. Raises ``DATA_DIR_BUSY``,
    ``SETTING_INVALID`` where it cannot be made or written.
    """
    try:
        _make_durably(folder)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Problem(
            errors.SETTING_INVALID, f"data_dir: {error.filename}: {error.strerror}.", setting="data_dir"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        said = f" (process {holder})" if holder.isdecimal() else ""
        raise Problem(errors.DATA_DIR_BUSY, f"Another server{said} uses {folder.absolute()}.") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _make_durably(folder: Path) -> None:
    """Make ``folder`` and those above it; their names are on disk before anything in them is relied upon."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for one in made:
        descriptor = os.open(one.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def empty_run_folder(folder: Path) -> Path:
    """The folder for what lasts only as long as the server, without what an earlier one left."""
    run = folder / RUN_FOLDER
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return run


def announce(run: Path, addresses: dict[str, str]) -> None:
    """Write ``server.json``."""
    state = Running(process=os.getpid(), addresses=addresses)
    temporary = run / f".{STATE_FILE}"
    temporary.write_bytes(msgspec.json.encode(state))
    temporary.replace(run / STATE_FILE)


def withdraw(run: Path) -> None:
    """Remove ``server.json``."""
    (run / STATE_FILE).unlink(missing_ok=True)
