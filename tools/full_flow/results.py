"""What the suite printed, and how it differs from what is expected."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN = ROOT / "tests" / "peers" / "full_flow_known.txt"
CASES = ROOT / "tests" / "peers" / "full_flow_cases.txt"
RESULTS = ROOT / "tests" / "peers" / "full_flow_results.txt"
_RESULT = re.compile(r"^(PASS|FAIL|SKIP) +(\w+)(?:: (.*))?$")
_COLOUR = re.compile(r"\x1b\[\d+m")


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
    for line in _COLOUR.sub("", output).splitlines():
        match = _RESULT.match(line)
        if match and match[1] == "PASS":
            passed.add(match[2])
        elif match and match[1] == "FAIL":
            failed[match[2]] = match[3] or ""
    return passed - set(failed), failed


def write_results(passed: set[str], failed: dict[str, str]) -> str:
    """Return the text that is recorded: a line per case, without its message."""
    lines = [f"PASS {name}" for name in passed] + [f"FAIL {name}" for name in failed]
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split()[1]))


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
