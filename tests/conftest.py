"""What every test run shares: hypothesis profiles, and the list of skips with their reasons at the end.

Programs that tests drive are found with ``tools.peers.find`` (see ``tools/peers``).
"""

import os
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings

# Examples stay random everywhere; a failure prints the blob that repeats it. No deadline: machines are shared.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("local"), suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_terminal_summary(terminalreporter) -> None:
    """Print each reason once with the number of tests, and append them to the file ``$ZOTPLUS_SKIPS``."""
    reasons = [_reason(report) for report in terminalreporter.stats.get("skipped", [])]
    if not reasons:
        return
    terminalreporter.section("skipped, and why")
    for reason, count in sorted(Counter(reasons).items()):
        terminalreporter.line(f"{count:4} {reason}")
    target = os.environ.get("ZOTPLUS_SKIPS")
    if target:
        with Path(target).open("a") as skips:
            skips.writelines(f"{reason}\n" for reason in reasons)


def _reason(report) -> str:
    folder = "/".join(report.nodeid.split("::")[0].split("/")[:2])
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return f"{folder}: {text.removeprefix('Skipped: ')}"
