"""``zotplus audit``: who did what, and whether the log of it is whole."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from zotplus.cli.audit.printing import HEADINGS, emit_line, emit_record, emit_verdict, row_of
from zotplus.cli.commands import Group
from zotplus.cli.options import DURATION, Command, Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_json, emit_table
from zotplus.cli.remote.api import segment
from zotplus.cli.server import config_option, load_settings
from zotplus.domain import errors
from zotplus.domain.audit.records import EventKind, Record
from zotplus.domain.errors import Problem
from zotplus.ports.audit import PAGE_MAX, AuditPage
from zotplus.protocols.api.audit.endpoints import AuditVerdict

FOLLOW_SECONDS = 1.0
"""Between two looks; as often as checkpoints come."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No log is older, and the server takes no time that is much earlier."""


@click.group(cls=Group)
def audit() -> None:
    """Read and verify the audit log."""


class Moment(click.ParamType[str]):
    """A time span back from now (``2h``), or a time (``2026-11-21T12:00:00Z``; without a zone it is UTC)."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time as the API takes it; a usage error for anything else."""
        text = str(value)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            back = DURATION.convert(text, param, ctx)
            return max(datetime.fromtimestamp(time.time() - back, UTC), _EARLIEST).isoformat()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


_MOMENT = Moment()
_FILTERS = (
    click.option("--principal", metavar="ID", help="Only of this principal: its id or name."),
    click.option("--action", metavar="PATTERN", help="Only decisions on such actions (s3:*)."),
    click.option("--resource", metavar="PATTERN", help="Only decisions on such resources (oci:team/*)."),
    click.option("--denied", "outcome", flag_value="denied", help="Only what was refused."),
    click.option("--allowed", "outcome", flag_value="allowed", help="Only what was not refused."),
    click.option("--kind", type=click.Choice([kind.value for kind in EventKind]), help="Only such events."),
    click.option("--operation", metavar="NAME", help="Only this operation (GetObject)."),
    click.option("--face", metavar="NAME", help="Only by this door (s3, oci, api)."),
    click.option("--status", type=click.IntRange(100, 599), help="Only with this HTTP status."),
    click.option("--since", type=_MOMENT, metavar="TIME", help="From then on: 2h, 7d or 2026-11-21T12:00:00Z."),
    click.option("--until", type=_MOMENT, metavar="TIME", help="Before then."),
)


def filter_options(command: Command) -> Command:
    """Adds the options that choose records."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@audit.command("search")
@filter_options
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Records at most.")
@remote_options
@json_option
def search(*, limit: int, remote: Remote, as_json: bool, **filters: Any) -> None:
    """Show the newest records that fit, newest first."""

    async def collect(server: Server) -> list[Record]:
        found: list[Record] = []
        async for page in _pages(server, filters, order="newest", limit=limit):
            found += page.records
            if page.is_end or len(found) >= limit:
                break
        return found[:limit]

    records = remote.run(collect)
    if as_json:
        emit_json(msgspec.to_builtins(records))
    else:
        emit_table(HEADINGS, [row_of(record) for record in records])


@audit.command("show")
@click.argument("decision_id", metavar="ID")
@remote_options
@json_option
def show(*, decision_id: str, remote: Remote, as_json: bool) -> None:
    """Show the record of the request ID (in every answer's X-Request-Id, and in every refusal)."""
    record = remote.run(lambda server: server.api.get(f"/audit/{segment(decision_id)}", Record))
    emit_record(record, as_json=as_json)


@audit.command("tail")
@filter_options
@click.option("--lines", type=click.IntRange(0, PAGE_MAX), default=10, show_default=True, help="Records to begin with.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@remote_options
@json_option
def tail(*, lines: int, follow: bool, remote: Remote, as_json: bool, **filters: Any) -> None:
    """Show the newest records, the newest last; with --follow, also those that come."""

    async def run(server: Server) -> None:
        begun = datetime.now(UTC).isoformat()
        first = await _page(server, filters, order="newest", limit=max(lines, 1))
        for record in reversed(first.records[:lines]):
            emit_line(record, as_json=as_json)
        if not follow:
            return
        seen = {record.id for record in first.records}
        async for page in _pages(server, {**filters, "since": begun}, order="oldest", limit=PAGE_MAX):
            for record in page.records:
                if record.id not in seen:
                    emit_line(record, as_json=as_json)
            if page.is_end:
                await asyncio.sleep(FOLLOW_SECONDS)

    remote.run(run)


@audit.command("export")
@filter_options
@remote_options
@json_option
def export(*, remote: Remote, as_json: bool, **filters: Any) -> None:
    """Print all records that fit as JSON lines, oldest first."""
    del as_json  # it is JSON either way

    async def run(server: Server) -> None:
        async for page in _pages(server, filters, order="oldest", limit=PAGE_MAX):
            for record in page.records:
                emit_line(record, as_json=True)
            if page.is_end:
                return

    remote.run(run)


@audit.command("verify")
@click.option("--offline", is_flag=True, help="Read the data folder on this machine instead of asking a server.")
@config_option
@click.option("--data-dir", metavar="FOLDER", help="The data folder, for --offline. [env: ZOTPLUS_DATA_DIR]")
@remote_options
@json_option
def verify(*, offline: bool, config_file: Path | None, data_dir: str | None, remote: Remote, as_json: bool) -> None:
    """Verify the whole log: every edit, cut, swap or insertion is named, and makes the exit code 8.

    With --offline it trusts nothing but the keys and the newest checkpoints in the store of the data folder; a server
    may be running meanwhile.
    """
    if offline:
        settings = load_settings(config_file, {"ZOTPLUS_DATA_DIR": data_dir})
        from zotplus.app import verify_audit  # noqa: PLC0415 - only this command needs the server's parts

        streams = verify_audit(settings)
        verdict = AuditVerdict(whole=not any(stream.findings for stream in streams), streams=streams)
    else:
        verdict = remote.run(lambda server: server.api.post("/audit/verify", {}, AuditVerdict))
    emit_verdict(verdict, as_json=as_json)
    if not verdict.whole:
        count = sum(len(stream.findings) for stream in verdict.streams)
        raise Problem(errors.AUDIT_DAMAGED, f"The verification found {count} things wrong.")


async def _pages(server: Server, filters: dict[str, Any], *, order: str, limit: int) -> AsyncIterator[AuditPage]:
    """Page after page; without end where the oldest come first, since more may come."""
    cursor = ""
    while True:
        page = await _page(server, {**filters, "cursor": cursor}, order=order, limit=min(limit, PAGE_MAX))
        yield page
        cursor = page.cursor
        if not cursor:
            return


async def _page(server: Server, filters: dict[str, Any], *, order: str, limit: int) -> AuditPage:
    given = {name: str(value) for name, value in filters.items() if value}
    return await server.api.get(f"/audit?{urlencode({**given, 'order': order, 'limit': limit})}", AuditPage)
