"""Programs in Java, from a Maven repository."""

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from tools.peers.cache import cache, is_stamped, note_failure, note_success, run_to_end
from tools.peers.kinds import MavenProgram

MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


def install_java(program: MavenProgram) -> None:
    """Fetch, unpack and build the program, and make its entry."""
    stamp = f"{program.name}-{program.version}"
    if is_stamped(program.name, stamp):
        return
    java = _java_home(program.java)
    if java is None or shutil.which("mvn") is None:
        note_failure(program.name, f"needs Java {program.java} or newer, and Maven (mvn)")
        return
    print(f"fetching {program.name} {program.version}", flush=True)
    home = cache() / "java" / stamp
    home.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        artifact = f"-Dartifact={program.artifact}:{program.version}:zip"
        reason = run_to_end(["mvn", "-q", "-B", MAVEN_COPY, artifact, f"-DoutputDirectory={folder}"])
        reason = reason or _unpack(Path(folder), program.sha256)
        if not reason:
            shutil.rmtree(home, ignore_errors=True)
            next(path for path in Path(folder).iterdir() if path.is_dir()).replace(home)
    build, environment = [str(home / program.start), *program.build], {**os.environ, "JAVA_HOME": str(java)}
    if reason := reason or run_to_end(build, environment=environment):
        note_failure(program.name, reason)
        return
    entry = cache() / "bin" / program.name
    entry.write_text(f"#!/bin/sh\nJAVA_HOME='{java}' exec '{home / program.start}' \"$@\"\n")
    entry.chmod(0o755)
    note_success(program.name, stamp)


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
