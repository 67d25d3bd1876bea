"""The command line: ``python3 -m tools.peers``."""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.peers.building import install_go, install_node, install_python
from tools.peers.cache import cache, find, why_missing
from tools.peers.debian import install_debian
from tools.peers.java import install_java
from tools.peers.kinds import DebianProgram
from tools.peers.programs import (
    DEBIAN_PROGRAMS,
    GO_PROGRAMS,
    GO_SOURCES,
    MAVEN_PROGRAMS,
    NODE_PACKAGES,
    PYTHON_PROGRAMS,
    all_programs,
)


def install(*, bench: bool) -> list[str]:
    """Install what is missing and return one line per program that could not be had."""
    (cache() / "bin").mkdir(parents=True, exist_ok=True)
    (cache() / "stamps").mkdir(exist_ok=True)
    with _one_at_a_time():
        install_debian([program for program in DEBIAN_PROGRAMS if bench or not program.bench])
        for python in PYTHON_PROGRAMS:
            install_python(python)
        for packages in NODE_PACKAGES:
            install_node(packages)
        for java in MAVEN_PROGRAMS:
            install_java(java)
        for go in (*GO_PROGRAMS, *GO_SOURCES):
            if bench or not go.bench:
                install_go(go)
    wanted = [program.name for program in all_programs() if bench or not program.bench]
    return [why_missing(name) for name in wanted if find(name) is None]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _print_table() -> None:
    for program in all_programs():
        version = program.package if isinstance(program, DebianProgram) else program.version
        print(f"{program.name:17} {version:38} {program.licence:13} {program.purpose}")
        print(f"{'':17} {find(program.name) or 'missing'}")


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
