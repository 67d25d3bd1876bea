"""Programs built from Go, and those of Python and Node.js in environments of their own."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tools.peers.cache import cache, is_stamped, note_failure, note_success, run_to_end
from tools.peers.kinds import GoProgram, GoSource, NodePackages, PythonProgram


def install_go(program: GoProgram | GoSource) -> None:
    """Build the program and put it into ``bin/``."""
    stamp = f"{program.name}-{program.version}"
    if is_stamped(program.name, stamp):
        return
    if shutil.which("go") is None:
        note_failure(program.name, "needs the Go toolchain to be built")
        return
    print(f"building {program.name} {program.version}", flush=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        reason = _build_source(program, folder) if isinstance(program, GoSource) else _build_package(program, folder)
        if reason:
            note_failure(program.name, f"go could not build it: {reason}")
            return
        (Path(folder) / program.name).replace(cache() / "bin" / program.name)
    note_success(program.name, stamp)


def _go(folder: str, command: str, *arguments: str) -> str:
    environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOOS": "", "GOARCH": ""}
    return run_to_end(["go", command, *arguments], environment=environment)


def _build_source(program: GoSource, folder: str) -> str:
    target = str(Path(folder) / program.name)
    return _go(folder, "build", "-C", str(program.folder), "-trimpath", "-ldflags=-s -w", "-o", target, ".")


def _build_package(program: GoProgram, folder: str) -> str:
    if not program.module:
        return _go(folder, "install", "-trimpath", "-ldflags=-s -w", f"{program.package}@{program.version}")
    replaces = [f"-replace={replace}" for replace in program.replaces]
    target, inside = str(Path(folder) / program.name), ("-C", folder)
    return (
        _go(folder, "mod", "init", *inside, f"peers/{program.name}")
        or _go(folder, "mod", "edit", *inside, f"-require={program.module}@{program.version}", *replaces)
        or _go(folder, "mod", "download", *inside, program.module)
        or _go(folder, "build", *inside, "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", target, program.package)
    )


def install_python(program: PythonProgram) -> None:
    """Make an environment with exactly what the lock names, and an entry that starts its program."""
    stamp = f"{program.name}-{program.version}"
    if is_stamped(program.name, stamp):
        return
    print(f"installing {program.name} {program.version}", flush=True)
    folder = cache() / "venvs" / program.name
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    reason = run_to_end([sys.executable, "-m", "venv", str(folder)]) or run_to_end([*pip, "-r", str(program.lock)])
    if reason:
        note_failure(program.name, f"pip install failed: {reason}")
        return
    _make_entry(program.name, f"exec '{folder / 'bin' / program.program}' \"$@\"")
    note_success(program.name, stamp)


def install_node(packages: NodePackages) -> None:
    """Install exactly what the lock names, and make an entry that is ``node`` with it at hand."""
    stamp = f"{packages.name}-{packages.version}"
    if is_stamped(packages.name, stamp):
        return
    if shutil.which("node") is None or shutil.which("npm") is None:
        note_failure(packages.name, "needs Node.js and npm")
        return
    print(f"installing {packages.name} {packages.version}", flush=True)
    folder = cache() / "node" / packages.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(packages.folder / name, folder)
    if reason := run_to_end(["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]):
        note_failure(packages.name, f"npm ci failed: {reason}")
        return
    _make_entry(packages.name, f"NODE_PATH='{folder / 'node_modules'}' exec node \"$@\"")
    note_success(packages.name, stamp)


def _make_entry(name: str, line: str) -> None:
    """Write a script; a link would make Python forget which environment it is in."""
    entry = cache() / "bin" / name
    entry.unlink(missing_ok=True)
    entry.write_text(f"#!/bin/sh\n{line}\n")
    entry.chmod(0o755)
