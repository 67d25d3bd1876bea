"""Runs versitygw's S3 suite against a fresh gateway and compares the result with the list of known differences.

The suite is run as a whole first. A case can end it (several read fields of an answer without asking whether there is
one); the cases of ``tests/peers/full_flow_cases.txt`` that have no result then are run each on its own.

``tests/peers/full_flow_known.txt`` holds one line per case that does not pass: its name or a pattern of names, a colon,
the reason. The run fails for a case that fails without a line, and for one that has a line and passes. Lines that begin
with ``#`` are comments. ``python -m tools.full_flow --save FILE`` also keeps the suite's whole output.
"""

import argparse
import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tools.peers import find, why_missing

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ROOT / "tests" / "peers" / "full_flow_known.txt"
CASES = ROOT / "tests" / "peers" / "full_flow_cases.txt"
START_TIMEOUT = 30  # seconds; a busy machine takes a few
SUITE_TIMEOUT = 1200  # seconds for the whole suite
CASE_TIMEOUT = 60  # seconds for one case
RESULT = re.compile(r"^(PASS|FAIL|SKIP) +(\w+)(?:: (.*))?$")
COLOUR = re.compile(r"\x1b\[\d+m")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A gateway that runs: its addresses (``endpoint`` is S3's) and an administrator's key."""

    main: str
    endpoint: str
    access_key: str
    secret_key: str


def read_known(text: str) -> dict[str, str]:
    """Return reason by pattern."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {pattern.strip(): reason.strip() for pattern, _, reason in (line.partition(":") for line in lines)}


def read_cases(text: str) -> dict[str, str]:
    """Return the command that runs a case by the name that it prints, which is nearly always the same."""
    lines = [line.split() for line in text.split("\n") if line and not line.startswith("#")]
    return {line[-1]: line[0] for line in lines}


def read_results(output: str) -> tuple[set[str], dict[str, str]]:
    """Return the names of the cases that passed, and the message of each that failed."""
    passed: set[str] = set()
    failed: dict[str, str] = {}
    for line in COLOUR.sub("", output).splitlines():
        match = RESULT.match(line)
        if match and match[1] == "PASS":
            passed.add(match[2])
        elif match and match[1] == "FAIL":
            failed[match[2]] = match[3] or ""
    return passed - set(failed), failed


def compare(passed: set[str], failed: dict[str, str], known: dict[str, str]) -> list[str]:
    """Return a sentence per difference: failures without a line, cases of the list that pass, lines about nothing."""
    new = [name for name in sorted(failed) if not any(fnmatchcase(name, pattern) for pattern in known)]
    found = [f"{name} fails, and is not on the list: {failed[name]}" for name in new]
    for pattern in known:
        healed = sorted(name for name in passed if fnmatchcase(name, pattern))
        found += [f"{name} passes, and is on the list ({pattern})" for name in healed]
        if not healed and not any(fnmatchcase(name, pattern) for name in failed):
            found.append(f"{pattern} is on the list, and names no case")
    return found


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """Start a gateway on free ports with its data in ``folder``, and end it. Raises ``TimeoutError``."""
    main, s3 = _free_ports(2)
    access_key, secret_key = "FULLFLOWADMIN", secrets.token_hex(20)
    environment = {
        **os.environ,
        "ZOTPLUS_DATA_DIR": str(folder / "data"),
        "ZOTPLUS_HTTP__PORT": str(main),
        "ZOTPLUS_S3__PORT": str(s3),
        "ZOTPLUS_ADMIN__ACCESS_KEY": access_key,
        "ZOTPLUS_ADMIN__SECRET_KEY": secret_key,
    }
    program = str(Path(sys.executable).with_name("zotplus"))
    with (folder / "gateway.log").open("w") as log:
        process = subprocess.Popen([program, "serve"], env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            _await_live(f"http://127.0.0.1:{main}/health/live", process)
            yield Gateway(
                main=f"http://127.0.0.1:{main}",
                endpoint=f"http://127.0.0.1:{s3}",
                access_key=access_key,
                secret_key=secret_key,
            )
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _await_live(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - an address on this machine that we made
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"the gateway does not answer on {address}")


class Suite:
    """The program beside a gateway that runs; ``home`` is where it keeps its own files."""

    def __init__(self, program: Path, home: Path, target: Gateway) -> None:
        home.mkdir()
        (home / "versitygw").symlink_to(program)  # cases start ./versitygw themselves
        self._home = home
        self._target = target

    def run(self, case: str, timeout: float) -> str:
        """Return what ``versitygw test <case>`` printed until it ended or the time was over."""
        target = self._target
        command = ["./versitygw", "test", "--access", target.access_key, "--secret", target.secret_key]
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                [*command, "--endpoint", target.endpoint, case],
                cwd=self._home,
                env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.seek(0)
            return output.read()

    def clean(self) -> None:
        """Delete every bucket: each run of the program begins its names anew."""
        for bucket in json.loads(self._ask("GET", "/buckets"))["buckets"]:
            self._ask("DELETE", f"/buckets/{bucket['name']}?purge=true")

    def _ask(self, method: str, path: str) -> bytes:
        target = self._target
        secret = base64.b64encode(f"{target.access_key}:{target.secret_key}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - an address on this machine that we made
            f"{target.main}/api/v1{path}", method=method, headers={"Authorization": f"Basic {secret}"}
        )
        with urllib.request.urlopen(request, timeout=CASE_TIMEOUT) as answer:  # noqa: S310 - as above
            return bytes(answer.read())


def run_suite(program: Path, cases: Mapping[str, str]) -> str:
    """Return what the suite printed; a case of ``cases`` that never printed a result has failed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with gateway(Path(folder)) as target:
                suite = Suite(program, Path(folder) / "suite", target)
                output = suite.run("full-flow", SUITE_TIMEOUT)
                passed, failed = read_results(output)
                for case in [name for name in cases if name not in passed and name not in failed]:
                    suite.clean()
                    output += _alone(suite, case, cases[case])
                return output
        except TimeoutError:
            print((Path(folder) / "gateway.log").read_text()[-4000:], file=sys.stderr)
            raise


def _alone(suite: Suite, case: str, command: str) -> str:
    output = suite.run(command, CASE_TIMEOUT)
    passed, failed = read_results(output)
    if case in passed or case in failed:
        return output
    return f"{output}\nFAIL {case}: ended without a result\n"


def main() -> int:
    """Run the suite and print what differs from the list; the exit status is 1 where anything does."""
    parser = argparse.ArgumentParser(description="Run versitygw's S3 suite against the gateway.")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the suite's whole output")
    arguments = parser.parse_args()
    program = find("versitygw")
    if program is None:
        print(f"not run: {why_missing('versitygw')}")
        return 0
    output = run_suite(program, read_cases(CASES.read_text()))
    if arguments.save:
        arguments.save.write_text(output)
    passed, failed = read_results(output)
    differences = compare(passed, failed, read_known(KNOWN.read_text()))
    for sentence in differences:
        print(sentence)
    print(f"{len(passed)} pass, {len(failed)} fail as the list says, but for {len(differences)} differences")
    return 1 if differences or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
