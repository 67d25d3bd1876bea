"""The suite beside a gateway: as a whole first, then each case on its own that has no result."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.full_flow.results import read_results
from tools.full_flow.serving import Gateway, gateway
from tools.full_flow.users import administration

VERSIONS = "--versioning-enabled"  # teardown deletes every version then
SUITE_TIMEOUT = 1200  # seconds for the whole suite
CASE_TIMEOUT = 60  # seconds for one case


class Suite:
    """The program beside a gateway that runs; ``home`` is where it keeps its own files."""

    def __init__(self, home: Path, target: Gateway) -> None:
        self._home = home
        self._target = target

    def run(self, case: str, timeout: float) -> str:
        """Return what ``versitygw test <case>`` printed until it ended or the time was over."""
        target = self._target
        command = ["./versitygw", "test", "--access", target.access_key, "--secret", target.secret_key]
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                [*command, "--endpoint", target.endpoint, case, VERSIONS],
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


def run_suite(program: Path, cases: Mapping[str, str], only: str = "") -> str:
    """Return what the suite printed; a case of ``cases`` that never printed a result has failed.

    With ``only``, no more than the cases that have it in their names, each on its own.
    """
    whole = "" if only else _run(program, "full-flow", SUITE_TIMEOUT)
    passed, failed = read_results(whole)
    missing = [case for case in cases if only in case and case not in passed and case not in failed]
    return whole + "".join(_alone(program, case, cases[case]) for case in missing)


def _alone(program: Path, case: str, command: str) -> str:
    output = _run(program, command, CASE_TIMEOUT)
    passed, failed = read_results(output)
    if case in passed or case in failed:
        return output
    return f"{output}\nFAIL {case}: ended without a result\n"


def _run(program: Path, case: str, timeout: float) -> str:
    """Run beside a gateway of its own: each run of the program begins its names anew, and some buckets cannot go."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "suite"
        home.mkdir()
        try:
            with gateway(Path(folder)) as target, administration(home, program, target):
                return Suite(home, target).run(case, timeout)
        except TimeoutError:
            print((Path(folder) / "gateway.log").read_text()[-4000:], file=sys.stderr)
            raise
