"""Prints how large files and functions are, beside the budget that they are meant to keep."""

from statistics import quantiles

from tests.architecture.source import body_lines, functions, modules


def pytest_terminal_summary(terminalreporter) -> None:
    files = [m.lines for m in modules() if m.lines > 1]
    bodies = [body_lines(f) for m in modules() for f in functions(m)]
    if len(files) < 2 or len(bodies) < 2:
        return
    long = 100 * len([b for b in bodies if b > 50]) / len(bodies)
    terminalreporter.section("sizes in lines (budget)")
    terminalreporter.line(
        f"{len(files):5} files      median {_at(files, 50):3} (120)  p90 {_at(files, 90):3} (350)  "
        f"most {max(files)} (450)"
    )
    terminalreporter.line(
        f"{len(bodies):5} functions  median {_at(bodies, 50):3} (9)    p90 {_at(bodies, 90):3} (30)   "
        f"most {max(bodies)} (60)   over 50: {long:.1f} % (2 %)"
    )


def _at(values: list[int], percent: int) -> int:
    return round(quantiles(values, n=100, method="inclusive")[percent - 1])
