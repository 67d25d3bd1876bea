"""A base image from nothing: the Python that runs the tests, a shell and their libraries."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("sh", "mkdir", "chown", "chmod")
# Libraries that wheels load and nothing else names; glibc 2.34 and newer keep some of them as empty shells.
LOADED_BY_WHEELS = (
    "libdl.so.2",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
)
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "config-*"
)


def fill(root: Path) -> None:
    """Make ``root`` a file system of some 75 MB that holds python3, sh and little else."""
    binaries = [*_python(root / "usr/local"), *_programs(root)]
    for name, text in {"passwd": "root:x:0:0:root:/:/bin/sh\n", "group": "root:x:0:\n"}.items():
        target = root / "etc" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    _copy_libraries(root, set().union(*map(_libraries, binaries)))


def _python(prefix: Path) -> list[Path]:
    """CPython finds its library beside its own program, so it may be moved there from wherever it is installed."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = prefix / "bin" / name
    program.parent.mkdir(parents=True)
    shutil.copy2(os.path.realpath(sys._base_executable), program)
    (program.parent / "python3").symlink_to(name)
    library = prefix / "lib" / name
    shutil.copytree(Path(os.__file__).parent, library, ignore=_LEFT_OUT)
    return [program, *(library / "lib-dynload").glob("*.so")]


def _programs(root: Path) -> list[Path]:
    folder = root / "usr/bin"
    folder.mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    return [Path(shutil.copy2(shutil.which(name), folder / name)) for name in PROGRAMS]


def _libraries(binary: Path) -> set[str]:
    told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+) \(0x", told))


def _copy_libraries(root: Path, found: set[str]) -> None:
    """All into the C library's own folder, where the loader looks by itself; the loader where programs expect it."""
    home = next(Path(path).parent for path in found if Path(path).name == "libc.so.6")
    found = found | {str(home / name) for name in LOADED_BY_WHEELS if (home / name).exists()}
    for path in found:
        is_loader = Path(path).name.startswith("ld-")
        target = root / (path if is_loader else str(home / Path(path).name)).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(os.path.realpath(path), target)
