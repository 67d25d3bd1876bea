"""The command line: ``python -m tools.full_flow``."""

import argparse
import sys
from pathlib import Path

from tools.full_flow.results import CASES, KNOWN, RESULTS, compare, read_cases, read_known, read_results, write_results
from tools.full_flow.suite import run_suite
from tools.peers import find, why_missing


def main() -> int:
    """Run the suite and print what differs from the list; the exit status is 1 where anything does."""
    parser = argparse.ArgumentParser(description="Run versitygw's S3 suite against the gateway.")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the suite's whole output")
    parser.add_argument("--record", action="store_true", help="keep the results in the repository")
    parser.add_argument("--only", default="", metavar="NAME", help="run the cases that have NAME in their names")
    arguments = parser.parse_args()
    program = find("versitygw")
    if program is None:
        print(f"not run: {why_missing('versitygw')}")
        return 0
    output = run_suite(program, read_cases(CASES.read_text()), arguments.only)
    if arguments.save:
        arguments.save.write_text(output)
    passed, failed = read_results(output)
    if arguments.record:
        RESULTS.write_text(write_results(passed, failed))
    if arguments.only:
        for name, message in sorted(failed.items()):
            print(f"{name}: {message}")
        print(f"{len(passed)} pass, {len(failed)} fail")
        return 0
    differences = compare(passed, failed, read_known(KNOWN.read_text()))
    for sentence in differences:
        print(sentence)
    print(f"{len(passed)} pass, {len(failed)} fail, with {len(differences)} differences from the list")
    return 1 if differences or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
