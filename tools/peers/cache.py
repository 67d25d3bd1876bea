"""Where the programs are, and the notes on what was installed or could not be."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.peers.programs import FOUND_PROGRAMS

BUILD_TIMEOUT = 1800  # seconds for one program; the largest takes under 4 minutes on two busy cores
_VARIABLES = {program.name: program.variable for program in FOUND_PROGRAMS}


def cache() -> Path:
    """Return the folder that holds ``bin/``, ``stamps/`` and the Python environments."""
    given = os.environ.get("ZOTPLUS_PEERS")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "zotplus" / "peers"


def find(name: str) -> Path | None:
    """Return the path of the program ``name``, or None: its variable goes before the cache, the cache before PATH."""
    given = os.environ.get(_VARIABLES.get(name, ""))
    if given:
        return Path(given) if os.access(given, os.X_OK) else None
    cached = cache() / "bin" / name
    if os.access(cached, os.X_OK):
        return cached
    found = shutil.which(name, path=system_path())
    return Path(found) if found else None


def why_missing(name: str) -> str:
    """Return one line on why ``name`` is not there, for a test's skip reason."""
    note = cache() / "stamps" / f"{name}.failed"
    if note.exists():
        return f"{name}: {note.read_text().strip()}"
    if name in _VARIABLES:
        return f"{name}: neither in ${_VARIABLES[name]} nor on PATH"
    return f"{name}: not installed; `make peers` installs it"


def system_path() -> str:
    """Return PATH with the folders of an administrator's programs, where some distributions put servers."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def run_to_end(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run to the end without a terminal; return an empty string, or the last line of what went wrong."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    if done.returncode == 0:
        return ""
    lines = done.stdout.strip().splitlines() or [f"exit status {done.returncode}"]
    return lines[-1].strip()


def is_stamped(name: str, stamp: str) -> bool:
    """Whether this version of the program is there."""
    return (cache() / "stamps" / stamp).exists() and os.access(cache() / "bin" / name, os.X_OK)


def note_success(name: str, stamp: str) -> None:
    """Remember that the program is there in this version."""
    (cache() / "stamps" / f"{name}.failed").unlink(missing_ok=True)
    (cache() / "stamps" / stamp).touch()


def note_failure(name: str, reason: str) -> None:
    """Remember why the program could not be had."""
    (cache() / "stamps" / f"{name}.failed").write_text(reason + "\n")
