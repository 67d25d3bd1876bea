"""Installs the real programs that the tests drive, and says where each one is.

``make peers`` runs this file with nothing but the standard library. Programs go to a cache outside the checkout:
``$ZOTPLUS_PEERS``, or ``$XDG_CACHE_HOME/zotplus/peers``, or ``~/.cache/zotplus/peers``; ``bin/`` in it holds one entry
per program. One stamp per program and version makes a second run instant. A program that cannot be had is reported and
is no failure: its tests skip with the reason that `why_missing` gives.

Tests ask from Python (the repository root is on pytest's path), scripts from the shell::

    from tools.peers import find, why_missing       # find("crane") -> Path | None
    python3 tools/peers.py --which crane            # prints the path, or the reason and exit status 1

Every program runs as a separate process that talks over sockets or files, so its licence does not reach this project.
Zot is looked for (``$ZOTPLUS_ZOT``, then PATH) and never built.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD_TIMEOUT = 1800  # seconds for one program; the largest takes under 4 minutes on two busy cores


@dataclass(frozen=True, kw_only=True)
class GoProgram:
    """A program built by ``go install package@version``."""

    name: str
    package: str
    version: str
    licence: str
    purpose: str
    bench: bool = False


@dataclass(frozen=True, kw_only=True)
class PythonProgram:
    """A program from a Python package, in an environment of its own, so that its pins meet nobody else's."""

    name: str
    lock: Path
    licence: str
    purpose: str
    bench: bool = False

    @property
    def version(self) -> str:
        """What the lock pins, with a mark that changes with any other pin in it."""
        text = self.lock.read_text()
        found = re.search(r"^awscli==([\w.]+)", text, re.MULTILINE)
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


GO_PROGRAMS = (
    GoProgram(
        name="crane",
        package="github.com/google/go-containerregistry/cmd/crane",
        version="v0.22.1",
        licence="Apache-2.0",
        purpose="OCI client, and a small OCI upstream with referrers (crane registry serve)",
    ),
    GoProgram(
        name="regctl",
        package="github.com/regclient/regclient/cmd/regctl",
        version="v0.11.7",
        licence="Apache-2.0",
        purpose="OCI client: artifacts, referrers, tag listing",
    ),
    GoProgram(
        name="mc",
        package="github.com/minio/mc",
        version="v0.0.0-20250313080218-cf909e1063a9",  # the newest; release tags are no Go versions
        licence="AGPL-3.0",
        purpose="S3 client on minio-go, which refuses a path in the endpoint",
    ),
    GoProgram(
        name="helm",
        package="helm.sh/helm/v3/cmd/helm",
        version="v3.22.0",
        licence="Apache-2.0",
        purpose="chart client: registry login, push, pull, show",
    ),
    GoProgram(
        name="versitygw",
        package="github.com/versity/versitygw/cmd/versitygw",
        version="v1.8.0",
        licence="Apache-2.0",
        purpose="S3 conformance suite (versitygw test full-flow), and an S3 server to measure against",
    ),
    GoProgram(
        name="registry",
        package="github.com/distribution/distribution/v3/cmd/registry",
        version="v3.1.2",
        licence="Apache-2.0",
        purpose="the CNCF registry: an OCI upstream for every machine, without the referrers API",
    ),
    GoProgram(
        name="rclone",
        package="github.com/rclone/rclone",
        version="v1.76.0",
        licence="MIT",
        purpose="S3 client: sync, multipart, server-side copy",
    ),
    GoProgram(
        name="minio",
        package="github.com/minio/minio",
        version="v0.0.0-20260212201848-7aac2a2c5b7c",
        licence="AGPL-3.0",
        purpose="S3 server to measure against",
        bench=True,
    ),
)

PYTHON_PROGRAMS = (
    PythonProgram(
        name="aws",
        lock=HERE / "awscli.lock",
        licence="Apache-2.0",
        purpose="the AWS command line: S3 client",
    ),
)

MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
MAVEN_PROGRAMS = (
    MavenProgram(
        name="keycloak",
        artifact="org.keycloak:keycloak-quarkus-dist",
        version="26.7.3",
        sha256="27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f",
        start="bin/kc.sh",
        build=("build", "--db=dev-file", "--health-enabled=false", "--metrics-enabled=false"),
        java=17,
        licence="Apache-2.0",
        purpose="OpenID Connect issuer: people, groups, roles",
    ),
)

DEBIAN_PROGRAMS = (
    DebianProgram(
        name="podman", package="podman", licence="Apache-2.0", purpose="OCI client: build, login, push, pull"
    ),
    DebianProgram(name="skopeo", package="skopeo", licence="Apache-2.0", purpose="OCI client: copy between registries"),
    DebianProgram(
        name="buildah", package="buildah", licence="Apache-2.0", purpose="OCI client, builds the Containerfile"
    ),
    DebianProgram(name="crun", package="crun", licence="GPL-2.0", purpose="runtime that podman and buildah look for"),
    DebianProgram(name="newuidmap", package="uidmap", licence="BSD-3-Clause", purpose="user ids for rootless podman"),
    DebianProgram(name="fuse-overlayfs", package="fuse-overlayfs", licence="GPL-2.0", purpose="storage of podman"),
    DebianProgram(name="chromium", package="chromium", licence="BSD-3-Clause", purpose="browser: people who log in"),
    DebianProgram(
        name="slapd",
        package="slapd",
        licence="OLDAP-2.8",
        purpose="LDAP server: people who come by Keycloak",
        answer="slapd slapd/no_configuration boolean true",
    ),
    DebianProgram(name="ldapmodify", package="ldap-utils", licence="OLDAP-2.8", purpose="changes that LDAP server"),
    DebianProgram(name="curl", package="curl", licence="curl", purpose="HTTP client of the tour in the documentation"),
    DebianProgram(
        name="strace", package="strace", licence="LGPL-2.1", purpose="records fsync and rename for the crash tests"
    ),
    DebianProgram(
        name="nginx", package="nginx-light", licence="BSD-2-Clause", purpose="sendfile to measure against", bench=True
    ),
    DebianProgram(name="wrk", package="wrk", licence="Apache-2.0", purpose="load generator", bench=True),
)


def cache() -> Path:
    """Return the folder that holds ``bin/``, ``stamps/`` and the Python environments."""
    given = os.environ.get("ZOTPLUS_PEERS")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "zotplus" / "peers"


def find(name: str) -> Path | None:
    """Return the path of the program ``name``, or None; the cache goes before PATH, ``$ZOTPLUS_ZOT`` before both."""
    given = os.environ.get("ZOTPLUS_ZOT") if name == "zot" else None
    if given:
        return Path(given) if os.access(given, os.X_OK) else None
    cached = cache() / "bin" / name
    if os.access(cached, os.X_OK):
        return cached
    found = shutil.which(name, path=_system_path())
    return Path(found) if found else None


def why_missing(name: str) -> str:
    """Return one line on why ``name`` is not there, for a test's skip reason."""
    note = cache() / "stamps" / f"{name}.failed"
    if note.exists():
        return f"{name}: {note.read_text().strip()}"
    if name == "zot":
        return "zot: neither in $ZOTPLUS_ZOT nor on PATH"
    return f"{name}: not installed; `make peers` installs it"


def install(*, bench: bool) -> list[str]:
    """Install what is missing and return one line per program that could not be had."""
    (cache() / "bin").mkdir(parents=True, exist_ok=True)
    (cache() / "stamps").mkdir(exist_ok=True)
    with _one_at_a_time():
        _install_debian([p for p in DEBIAN_PROGRAMS if bench or not p.bench])
        for python_program in PYTHON_PROGRAMS:
            _install_python(python_program)
        for maven_program in MAVEN_PROGRAMS:
            _install_maven(maven_program)
        for go_program in GO_PROGRAMS:
            if bench or not go_program.bench:
                _install_go(go_program)
    wanted = [p.name for p in _all_programs() if bench or not p.bench]
    return [why_missing(name) for name in [*wanted, "zot"] if find(name) is None]


def _all_programs() -> list[GoProgram | PythonProgram | MavenProgram | DebianProgram]:
    return [*DEBIAN_PROGRAMS, *PYTHON_PROGRAMS, *MAVEN_PROGRAMS, *GO_PROGRAMS]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install_go(program: GoProgram) -> None:
    stamp = f"{program.name}-{program.version}"
    if _is_stamped(program.name, stamp):
        return
    if shutil.which("go") is None:
        _note_failure(program.name, "needs the Go toolchain to be built")
        return
    print(f"building {program.name} {program.version}", flush=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOOS": "", "GOARCH": ""}
        command = ["go", "install", "-trimpath", "-ldflags=-s -w", f"{program.package}@{program.version}"]
        reason = _run(command, environment=environment)
        if reason:
            _note_failure(program.name, f"go install failed: {reason}")
            return
        (Path(folder) / program.name).replace(cache() / "bin" / program.name)
    _note_success(program.name, stamp)


def _install_python(program: PythonProgram) -> None:
    stamp = f"{program.name}-{program.version}"
    if _is_stamped(program.name, stamp):
        return
    print(f"installing {program.name} {program.version}", flush=True)
    folder = cache() / "venvs" / program.name
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    reason = _run([sys.executable, "-m", "venv", str(folder)]) or _run([*pip, "-r", str(program.lock)])
    if reason:
        _note_failure(program.name, f"pip install failed: {reason}")
        return
    link = cache() / "bin" / program.name
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "bin" / program.name)
    _note_success(program.name, stamp)


def _install_maven(program: MavenProgram) -> None:
    stamp = f"{program.name}-{program.version}"
    if _is_stamped(program.name, stamp):
        return
    java = _java_home(program.java)
    if java is None or shutil.which("mvn") is None:
        _note_failure(program.name, f"needs Java {program.java} or newer, and Maven (mvn)")
        return
    print(f"fetching {program.name} {program.version}", flush=True)
    home = cache() / "java" / stamp
    home.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        artifact = f"-Dartifact={program.artifact}:{program.version}:zip"
        reason = _run(["mvn", "-q", "-B", MAVEN_COPY, artifact, f"-DoutputDirectory={folder}"])
        reason = reason or _unpack(Path(folder), program.sha256)
        if not reason:
            shutil.rmtree(home, ignore_errors=True)
            next(path for path in Path(folder).iterdir() if path.is_dir()).replace(home)
    build, environment = [str(home / program.start), *program.build], {**os.environ, "JAVA_HOME": str(java)}
    if reason := reason or _run(build, environment=environment):
        _note_failure(program.name, reason)
        return
    entry = cache() / "bin" / program.name
    entry.write_text(f"#!/bin/sh\nJAVA_HOME='{java}' exec '{home / program.start}' \"$@\"\n")
    entry.chmod(0o755)
    _note_success(program.name, stamp)


def _java_home(minimum: int) -> Path | None:
    """Return the folder of the newest Java that is at least ``minimum``; each tells its version in ``release``."""
    on_path = Path(shutil.which("java") or "/").resolve().parent.parent
    homes = [Path(os.environ.get("JAVA_HOME", on_path)), on_path, *sorted(Path("/usr/lib/jvm").glob("*"))]
    found: dict[int, Path] = {}
    for home in homes:
        release = home / "release"
        version = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.is_file() else None
        if version and int(version[1]) >= minimum and os.access(home / "bin" / "java", os.X_OK):
            found.setdefault(int(version[1]), home)
    return found[max(found)] if found else None


def _unpack(folder: Path, sha256: str) -> str:
    """Unpack the archive in ``folder`` with its permissions; return an empty string, or what went wrong."""
    archive = next(folder.glob("*.zip"))
    with archive.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != sha256:
            return f"{archive.name} is not the one that is pinned"
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            path = Path(members.extract(member, folder))
            if path.is_file() and member.external_attr >> 16 & 0o100:
                path.chmod(0o755)
    return ""


def _install_debian(programs: list[DebianProgram]) -> None:
    missing = [p for p in programs if shutil.which(p.name, path=_system_path()) is None]
    if not missing:
        return
    packages = " ".join(p.package for p in missing)
    prefix = _privilege()
    if shutil.which("apt-get") is None or prefix is None:
        reason = f"install the Debian package (or your system's) as root: {packages}"
    else:
        print(f"installing {packages}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run([*prefix, "apt-get", "update"], environment=environment)
        for answer in (p.answer for p in missing if p.answer):
            _run([*prefix, "sh", "-c", 'echo "$1" | debconf-set-selections', "sh", answer], environment=environment)
        get = [*prefix, "apt-get", "install", "-y", "--no-install-recommends", *packages.split()]
        reason = _run(get, environment=environment)
    for program in missing:
        if shutil.which(program.name, path=_system_path()):
            _note_success(program.name, program.name)
        else:
            _note_failure(program.name, reason)


def _system_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _privilege() -> list[str] | None:
    """Return what to put before a command that needs root: nothing, sudo that asks for nothing, or None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and not _run([sudo, "-n", "true"]):
        return [sudo, "-n"]
    return None


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
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


def _is_stamped(name: str, stamp: str) -> bool:
    return (cache() / "stamps" / stamp).exists() and os.access(cache() / "bin" / name, os.X_OK)


def _note_success(name: str, stamp: str) -> None:
    (cache() / "stamps" / f"{name}.failed").unlink(missing_ok=True)
    (cache() / "stamps" / stamp).touch()


def _note_failure(name: str, reason: str) -> None:
    (cache() / "stamps" / f"{name}.failed").write_text(reason + "\n")


def _print_table() -> None:
    for program in _all_programs():
        version = program.package if isinstance(program, DebianProgram) else program.version
        print(f"{program.name:15} {version:38} {program.licence:13} {program.purpose}")
        print(f"{'':15} {find(program.name) or 'missing'}")


def main() -> int:
    """Run the command line; the exit status is 0 even where a program could not be had."""
    parser = argparse.ArgumentParser(description="Install the real programs that the tests drive.")
    parser.add_argument("--bench", action="store_true", help="also what only the benchmarks need")
    parser.add_argument("--list", action="store_true", help="print the table and where each program is")
    parser.add_argument("--which", metavar="NAME", help="print where the program NAME is")
    arguments = parser.parse_args()
    if arguments.list:
        _print_table()
        return 0
    if arguments.which:
        path = find(arguments.which)
        print(path or why_missing(arguments.which), file=sys.stdout if path else sys.stderr)
        return 0 if path else 1
    os.nice(10)
    missing = install(bench=arguments.bench)
    print(f"peers are in {cache() / 'bin'}")
    for line in missing:
        print(f"missing  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
