"""Records and verdicts for people; JSON lines for programs."""

import click
import msgspec

from zotplus.cli.output import emit_fields, emit_json, emit_table, printable
from zotplus.domain.audit.records import Record
from zotplus.protocols.api.audit.endpoints import AuditVerdict

_TOLD_APART = frozenset({"who", "decisions", "details"})
HEADINGS = ("TIME", "KIND", "WHO", "OPERATION", "RESOURCE", "STATUS", "ID")


def row_of(record: Record) -> tuple[str, ...]:
    """One line of a table."""
    who = record.who
    resource = record.decisions[0].resource if record.decisions else record.path
    return (
        record.time,
        record.kind.value,
        "-" if who is None else who.id,
        record.operation or "-",
        resource or "-",
        str(record.status) if record.status else "-",
        record.id or "-",
    )


def emit_line(record: Record, *, as_json: bool) -> None:
    """One record in one line."""
    if as_json:
        click.echo(msgspec.json.encode(record).decode())
    else:
        click.echo(printable("  ".join(row_of(record))))


def emit_record(record: Record, *, as_json: bool) -> None:
    """One record in full."""
    if as_json:
        emit_json(msgspec.to_builtins(record))
        return
    told = msgspec.to_builtins(record)
    fields = [(name, value) for name, value in told.items() if name not in _TOLD_APART]
    fields += [(f"who {name}", value) for name, value in told.get("who", {}).items()]
    fields += [(f"detail {name}", value) for name, value in record.details.items()]
    emit_fields([(name.replace("_", " "), _words(value)) for name, value in fields])
    rows = [
        (
            "allowed" if decided.allowed else "denied",
            decided.action,
            decided.resource,
            " ".join(part for part in (decided.policy, decided.statement) if part) or "-",
            decided.reason or "-",
        )
        for decided in record.decisions
    ]
    if rows:
        emit_table(("DECISION", "ACTION", "RESOURCE", "BY", "REASON"), rows)


def emit_verdict(verdict: AuditVerdict, *, as_json: bool) -> None:
    """Streams, and what is wrong with them."""
    if as_json:
        emit_json(msgspec.to_builtins(verdict))
        return
    rows = [
        (one.stream, str(one.first), str(one.last), str(one.checkpoints), str(one.unproven), str(len(one.findings)))
        for one in verdict.streams
    ]
    emit_table(("STREAM", "FIRST", "LAST", "CHECKPOINTS", "NOT YET PROVEN", "FINDINGS"), rows)
    found = [(one.stream, str(one.seq), one.kind.value, one.detail) for row in verdict.streams for one in row.findings]
    if found:
        emit_table(("STREAM", "RECORD", "WHAT", "DETAIL"), found)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}={_words(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
