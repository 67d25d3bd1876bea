"""``zotplus policy apply`` and ``diff``: what is in files becomes what is on the server."""

import sys
from pathlib import Path

import click
import msgspec

from zotplus.cli.faults import DIFFERENT
from zotplus.cli.options import Command, Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_json, printable, remark
from zotplus.cli.policy.differences import lines_of, summary
from zotplus.cli.policy.files import State, read_state
from zotplus.cli.remote.api import segment
from zotplus.protocols.api.policies.documents import ChangeDocument, Changes, NewState, PolicyDocument

Documents = dict[str, msgspec.Raw]


def _state_options(command: Command) -> Command:
    """Adds the options that say what shall be."""
    source = click.option(
        "-f",
        "--file",
        "path",
        required=True,
        type=click.Path(path_type=Path, exists=True),
        help="A folder of policies NAME.json or NAME.yaml, or one such file.",
    )
    prune = click.option("--prune", is_flag=True, help="Delete and detach what is not in the folder.")
    return source(prune(command))


@click.command("apply")
@_state_options
@click.option("--dry-run", is_flag=True, help="Only show what would be changed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--comment", default="", help="Why; kept with every new version.")
@remote_options
@json_option
def apply(*, path: Path, prune: bool, dry_run: bool, yes: bool, comment: str, remote: Remote, as_json: bool) -> int:
    """Make the server's policies what files say: all of it or nothing, after showing the differences.

    A folder may hold attachments.yaml and boundaries.yaml beside the policies: {policy: [grantees]}. Without --prune
    nothing is deleted or detached. Applying twice changes nothing.
    """
    wanted = _wanted(path, prune=prune, comment=comment)
    planned = _plan(remote, wanted, as_json=as_json)
    if not dry_run and planned.changes:
        if not yes and not _agreed(planned):
            remark("Nothing was changed.")
            return 1
        agreed = msgspec.structs.replace(wanted, dry_run=False, expected=planned.changes)
        planned = remote.run(lambda server: server.api.post("/policies/apply", agreed, Changes))
    if as_json:
        emit_json(msgspec.to_builtins(planned))
    elif not planned.changes:
        click.echo("Nothing to change.")
    elif not planned.dry_run:
        click.echo(f"Done: {summary(planned.changes)}.")
    return 0


@click.command("diff")
@_state_options
@remote_options
@json_option
def diff(*, path: Path, prune: bool, remote: Remote, as_json: bool) -> int:
    """Show what `apply` would change. Exit code 11 if there is anything, 0 if not."""
    planned = _plan(remote, _wanted(path, prune=prune), as_json=as_json)
    if as_json:
        emit_json(msgspec.to_builtins(planned))
    return DIFFERENT if planned.changes else 0


def _agreed(planned: Changes) -> bool:
    """Whether the person at the terminal wants this. Without one, nobody could answer."""
    if not _has_terminal():
        raise click.UsageError("There is no terminal to ask at whether to change this: give --yes.")
    return click.confirm(f"Apply ({summary(planned.changes)})?", err=True)


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _wanted(path: Path, *, prune: bool, comment: str = "") -> NewState:
    if prune and not path.is_dir():
        raise click.UsageError("--prune needs a folder: one file is not all that there shall be.")
    state: State = read_state(path)
    return NewState(policies=state.policies, attachments=state.attachments, comment=comment, prune=prune, dry_run=True)


def _plan(remote: Remote, wanted: NewState, *, as_json: bool) -> Changes:
    """What would be changed; shown, unless it is printed as JSON."""
    after = {row.name: row.document for row in wanted.policies}
    planned, before = remote.run(lambda server: _planned(server, wanted, with_documents=not as_json))
    if as_json:
        return planned
    for warning in planned.warnings:
        remark(warning)
    for change in planned.changes:
        shown = None if change.change == "delete" else after.get(change.policy)
        for line in lines_of(change, before.get(change.policy), shown):
            click.echo(printable(line))
    return planned


async def _planned(server: Server, wanted: NewState, *, with_documents: bool) -> tuple[Changes, Documents]:
    """What would be changed, and the documents that would be: reading those takes leave of its own."""
    planned = await server.api.post("/policies/apply", wanted, Changes)
    changed = [change for change in planned.changes if change.version and with_documents]
    return planned, {change.policy: await _document(server, change) for change in changed}


async def _document(server: Server, change: ChangeDocument) -> msgspec.Raw:
    path = f"/policies/{segment(change.policy)}/versions/{change.version}"
    return (await server.api.get(path, PolicyDocument)).document.copy()
