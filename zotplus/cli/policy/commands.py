"""``zotplus policy``: one policy at a time."""

from pathlib import Path
from urllib.parse import urlencode

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json, emit_table, human_time, printable, remark
from zotplus.cli.policy.applying import apply, diff
from zotplus.cli.policy.differences import pretty
from zotplus.cli.policy.files import read_document
from zotplus.cli.remote.api import segment
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.policies.documents import (
    AttachmentDocument,
    Attachments,
    Candidate,
    Chosen,
    Kind,
    NewAttachment,
    NewPolicy,
    PolicyDocument,
    PolicyList,
    Verdict,
    Versions,
)

_kind_option = click.option(
    "--kind", type=click.Choice(["identity", "resource"]), help="What it is; by default as the document says."
)
_file_argument = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
_version_option = click.option(
    "--if-version",
    type=click.IntRange(0),
    metavar="N",
    help="Only if this version is current; 0: only if there is none.",
)


@click.group(cls=Group)
def policy() -> None:
    """Manage policies: their documents, versions and attachments, one by one or from files."""


policy.add_command(apply)
policy.add_command(diff)


@policy.command("list")
@remote_options
@json_option
def list_policies(*, remote: Remote, as_json: bool) -> None:
    """List all policies."""
    found = remote.run(lambda server: server.api.get("/policies", PolicyList)).policies
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [(row.name, str(row.version), row.kind, str(row.attached), row.description) for row in found]
    emit_table(("NAME", "VERSION", "KIND", "ATTACHED", "DESCRIPTION"), rows)


@policy.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), metavar="N", help="Another version than the current one.")
@remote_options
@json_option
def show(*, name: str, version: int | None, remote: Remote, as_json: bool) -> None:
    """Print the document of the policy NAME; with --json all that is known of it."""
    path = _path(name) if version is None else f"{_path(name)}/versions/{version}"
    found = remote.run(lambda server: server.api.get(path, PolicyDocument))
    if as_json:
        _emit(found)
    else:
        click.echo(pretty(found.document))


@policy.command("put")
@click.argument("name")
@_file_argument
@_kind_option
@click.option("--description", help="What it is for.")
@click.option("--comment", default="", help="Why it is changed; kept with the version.")
@_version_option
@remote_options
@json_option
def put(
    *,
    name: str,
    file: Path,
    kind: Kind | None,
    description: str | None,
    comment: str,
    if_version: int | None,
    remote: Remote,
    as_json: bool,
) -> None:
    """Create or change the policy NAME from FILE (JSON or YAML; - reads JSON from standard input)."""
    wanted = NewPolicy(document=read_document(file), kind=kind, description=description, comment=comment)
    conditions = _conditions(if_version)
    stored = remote.run(lambda server: server.api.put(_path(name), wanted, PolicyDocument, conditions))
    _tell_stored(stored, as_json=as_json)


@policy.command("delete")
@click.argument("name")
@click.option("--detach", is_flag=True, help="Take it from everybody who has it.")
@remote_options
@json_option
def delete(*, name: str, detach: bool, remote: Remote, as_json: bool) -> None:
    """Delete the policy NAME. Its versions stay, and `rollback` brings it back."""
    query = "detach=true" if detach else ""
    remote.run(lambda server: server.api.remove(_path(name), query))
    _done(f"deleted {name}", {"deleted": name}, as_json=as_json)


@policy.command("history")
@click.argument("name")
@remote_options
@json_option
def history(*, name: str, remote: Remote, as_json: bool) -> None:
    """List the versions of the policy NAME, newest first."""
    found = remote.run(lambda server: server.api.get(f"{_path(name)}/versions", Versions)).versions
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [
        (f"{row.version}{'*' if row.current else ''}", human_time(row.created), row.author, row.kind, row.comment)
        for row in found
    ]
    emit_table(("VERSION", "WRITTEN", "BY", "KIND", "COMMENT"), rows)


@policy.command("rollback")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@remote_options
@json_option
def rollback(*, name: str, version: int, remote: Remote, as_json: bool) -> None:
    """Make VERSION of the policy NAME current again."""
    chosen = Chosen(version=version)
    stored = remote.run(lambda server: server.api.put(f"{_path(name)}/current", chosen, PolicyDocument))
    _tell_stored(stored, as_json=as_json)


@policy.command("attach")
@click.argument("name")
@click.argument("grantee")
@click.option("--boundary", is_flag=True, help="As a permission boundary: it limits what else is granted.")
@remote_options
@json_option
def attach(*, name: str, grantee: str, boundary: bool, remote: Remote, as_json: bool) -> None:
    """Give the policy NAME to GRANTEE.

    GRANTEE is a key's id, robot:NAME, user:ISSUER:SUBJECT, group:ISSUER:GROUP, role:ISSUER:ROLE, trust:NAME,
    certificate:NAME, "public" (everybody) or "authenticated" (everybody who logged in).
    """
    path, wanted = f"{_path(name)}/attachments/{segment(grantee)}", NewAttachment(boundary=boundary)
    made = remote.run(lambda server: server.api.put(path, wanted, AttachmentDocument))
    told = f"{made.policy} {'limits' if made.boundary else 'is attached to'} {made.grantee}"
    _done(told, msgspec.to_builtins(made), as_json=as_json)


@policy.command("detach")
@click.argument("name")
@click.argument("grantee")
@remote_options
@json_option
def detach(*, name: str, grantee: str, remote: Remote, as_json: bool) -> None:
    """Take the policy NAME from GRANTEE."""
    remote.run(lambda server: server.api.remove(f"{_path(name)}/attachments/{segment(grantee)}"))
    _done(f"detached {name} from {grantee}", {"policy": name, "grantee": grantee}, as_json=as_json)


@policy.command("attachments")
@click.option("--grantee", metavar="GRANTEE", help="Only what this grantee has.")
@click.option("--policy", "name", metavar="NAME", help="Only those who have this policy.")
@remote_options
@json_option
def attachments(*, grantee: str | None, name: str | None, remote: Remote, as_json: bool) -> None:
    """List who has which policy."""
    query = urlencode({key: value for key, value in (("grantee", grantee), ("policy", name)) if value is not None})
    found = remote.run(lambda server: server.api.get("/attachments", Attachments, query)).attachments
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [
        (row.grantee, row.policy, "boundary" if row.boundary else "policy", row.author, human_time(row.created))
        for row in found
    ]
    emit_table(("GRANTEE", "POLICY", "AS", "BY", "SINCE"), rows)


@policy.command("validate")
@_file_argument
@_kind_option
@remote_options
@json_option
def validate(*, file: Path, kind: Kind | None, remote: Remote, as_json: bool) -> None:
    """Have the server look at FILE (- for standard input) without storing it: errors and warnings."""
    candidate = Candidate(document=read_document(file), kind=kind)
    verdict = remote.run(lambda server: server.api.post("/policies/validate", candidate, Verdict))
    if not verdict.valid:
        raise Problem(errors.POLICY_INVALID, f"{file}: {verdict.error}")
    if as_json:
        emit_json(msgspec.to_builtins(verdict))
        return
    for warning in verdict.warnings:
        remark(warning)
    click.echo(f"{file} is a valid {verdict.kind} policy.")


def _path(name: str) -> str:
    return f"/policies/{segment(name)}"


def _conditions(if_version: int | None) -> dict[str, str]:
    if if_version is None:
        return {}
    return {"If-Match": f'"{if_version}"'} if if_version else {"If-None-Match": "*"}


def _emit(document: PolicyDocument) -> None:
    shown = {name: getattr(document, name) for name in document.__struct_fields__}
    emit_json(msgspec.to_builtins({**shown, "document": msgspec.json.decode(document.document)}))


def _tell_stored(stored: PolicyDocument, *, as_json: bool) -> None:
    if as_json:
        _emit(stored)
        return
    for warning in stored.warnings:
        remark(warning)
    told = "is now at" if stored.changed else "says the same already: it stays at"
    click.echo(printable(f"{stored.name} {told} version {stored.version}"))


def _done(told: str, document: object, *, as_json: bool) -> None:
    if as_json:
        emit_json(document)
    else:
        click.echo(printable(told))
