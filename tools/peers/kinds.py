"""The kinds of programs that the tests drive, by how each is had."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class GoProgram:
    """A program built by ``go install package@version``.

    ``go install`` refuses modules that replace others of theirs. Such a program names its ``module`` and what it
    ``replaces`` ("old@version=new@version"), and is built in a module of its own, which repeats that.
    """

    name: str
    package: str
    version: str
    licence: str
    purpose: str
    bench: bool = False
    module: str = ""
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GoSource:
    """A program of ours in Go: a library as its users have it; ``folder`` holds its source, go.mod and go.sum."""

    name: str
    folder: Path
    module: str
    licence: str
    purpose: str
    bench: bool = False

    @property
    def version(self) -> str:
        """What go.mod pins of ``module``, with a mark that changes with any file of the folder."""
        found = re.search(rf"{re.escape(self.module)} (v\S+)", (self.folder / "go.mod").read_text())
        return f"{found[1] if found else 'unknown'}-{mark(self.folder)}"


@dataclass(frozen=True, kw_only=True)
class NodePackages:
    """Packages for Node.js; the entry of this name is ``node`` with them at hand.

    ``folder`` holds package.json and package-lock.json.
    """

    name: str
    folder: Path
    licence: str
    purpose: str
    bench: bool = False

    @property
    def version(self) -> str:
        """A mark that changes with any pin."""
        return mark(self.folder, "package*.json")


@dataclass(frozen=True, kw_only=True)
class PythonProgram:
    """A program from a Python package, in an environment of its own, so that its pins meet nobody else's.

    ``package`` is what ``lock`` is there for; the entry starts ``program``, which is Python itself for libraries.
    """

    name: str
    lock: Path
    package: str
    program: str
    licence: str
    purpose: str
    bench: bool = False

    @property
    def version(self) -> str:
        """What the lock pins, with a mark that changes with any other pin in it."""
        text = self.lock.read_text()
        found = re.search(rf"^{re.escape(self.package)}==([\w.]+)", text, re.MULTILINE)
        return f"{found[1] if found else 'unknown'}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class MavenProgram:
    """A Java program from a Maven repository: an archive of one folder, whose script ``start`` builds it once."""

    name: str
    artifact: str
    version: str
    sha256: str
    start: str
    build: tuple[str, ...]
    java: int
    licence: str
    purpose: str
    bench: bool = False


@dataclass(frozen=True, kw_only=True)
class DebianProgram:
    """A program from the distribution; the version is the distribution's (developed against Debian 12)."""

    name: str
    package: str
    licence: str
    purpose: str
    bench: bool = False
    answer: str = ""
    """What the package would ask (debconf): no package may start a server of its own."""


@dataclass(frozen=True, kw_only=True)
class FoundProgram:
    """A program that is looked for in ``variable``, then on PATH, and never installed."""

    name: str
    variable: str
    licence: str
    purpose: str
    bench: bool = False
    version: str = "the one that is there"


Program = GoProgram | GoSource | NodePackages | PythonProgram | MavenProgram | DebianProgram | FoundProgram


def mark(folder: Path, pattern: str = "*") -> str:
    """Return twelve characters that change with any file of ``folder`` that ``pattern`` names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.glob(pattern) if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
