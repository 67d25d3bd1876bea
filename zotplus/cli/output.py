"""What commands print: tables for people, JSON for programs, and problems with their remedy."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from zotplus.cli.faults import EXIT_CODES
from zotplus.domain.errors import Problem

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def emit_json(document: Any) -> None:
    """One JSON document on standard output. Whatever is no UTF-8 is escaped."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def emit_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; nothing but the headings when there are no rows."""
    lines = [tuple(headings), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def emit_fields(pairs: Iterable[tuple[str, str]]) -> None:
    """One ``name  value`` line each."""
    rows = [(name, printable(value)) for name, value in pairs]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name.ljust(width)}  {value}".rstrip())


def printable(text: str) -> str:
    """``text`` without what a terminal would act on: keys and names are others' to choose."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def human_size(count: int) -> str:
    """``count`` bytes in the largest unit that keeps a digit before the point."""
    size, unit = float(count), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{count} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def human_time(moment: datetime | None) -> str:
    """To the second, in UTC."""
    return "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def about(subject: object, problem: Problem) -> Problem:
    """``problem``, naming what it befell; once, where its own words name it already."""
    name = str(subject)
    if problem.detail.startswith((f"{name}:", f"{name} ")):
        return problem
    detail = name if problem.detail == problem.fault.message else f"{name}: {problem.detail}"
    return Problem(problem.fault, detail, **problem.fields)


def describe(problem: Problem) -> dict[str, Any]:
    """``problem`` for programs."""
    fault = problem.fault
    fields = {name: value for name, value in problem.fields.items() if value != ""}
    request_id = fields.pop("request_id", None)
    described: dict[str, Any] = {"code": fault.code, "type": fault.type.value, "detail": problem.detail}
    described |= {"cause": fault.cause, "remedy": fault.remedy}
    if request_id is not None:
        described["request_id"] = request_id
    return described | ({"fields": fields} if fields else {})


def explain(problem: Problem, *, as_json: bool = False) -> None:
    """``problem`` on standard error: what, why, and what to do about it."""
    if as_json:
        content = json.dumps({"error": describe(problem)}, ensure_ascii=False)
        click.echo(content.encode("utf-8", "backslashreplace"), err=True)
        return
    fault = problem.fault
    told = problem.detail if problem.detail == fault.message else f"{fault.message} {problem.detail}"
    lines = [f"error: {told}", f"  cause: {fault.cause}", f"  remedy: {fault.remedy}"]
    if problem.fields.get("request_id"):
        lines.append(f"  request id: {problem.fields['request_id']}")
    for line in lines:
        click.echo(printable(line), err=True)


def remark(text: str) -> None:
    """Something to know that is no error: on standard error, as a JSON object of its own where JSON was asked for."""
    context = click.get_current_context(silent=True)
    as_json = context is not None and context.params.get("as_json")
    click.echo(json.dumps({"note": text}) if as_json else printable(f"note: {text}"), err=True)


def exit_code(problem: Problem) -> int:
    """The process's exit code for ``problem``."""
    return EXIT_CODES[problem.fault.type]
