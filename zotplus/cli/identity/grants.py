"""``zotplus grants``: who has which role on what."""

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json, emit_table, human_time, remark
from zotplus.cli.remote.api import segment
from zotplus.cli.remote.naming import with_hint
from zotplus.protocols.api.documents import GrantDocument, Grants, NewGrant
from zotplus.services.identity.roles import Role

_EVERYBODY = {"public": "everybody", "authenticated": "everybody who is logged in"}


@click.group(cls=Group)
def grants() -> None:
    """Manage grants: a role on a pattern, for a key, a robot, a person, a group, a trust or everybody."""


@grants.command("list")
@remote_options
@json_option
def list_grants(*, remote: Remote, as_json: bool) -> None:
    """List all grants."""
    found = remote.run(lambda server: server.api.get("/grants", Grants))
    if as_json:
        emit_json(msgspec.to_builtins(found.grants))
        return
    rows = [
        (
            row.id,
            row.grantee,
            row.role.value,
            row.pattern,
            " ".join(row.networks) or "everywhere",
            human_time(row.created),
        )
        for row in found.grants
    ]
    emit_table(("ID", "GRANTEE", "ROLE", "PATTERN", "FROM", "CREATED"), rows)


@grants.command("create")
@click.argument("grantee")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.argument("pattern")
@click.option(
    "--from", "networks", metavar="NETWORK", multiple=True, help="Holds for requests from there only (10.0.0.0/8)."
)
@remote_options
@json_option
def create_grant(
    *, grantee: str, role: str, pattern: str, networks: tuple[str, ...], remote: Remote, as_json: bool
) -> None:
    """Give GRANTEE the ROLE on PATTERN.

    A grantee is a key's id, robot:NAME, user:ISSUER:SUBJECT, group:ISSUER:GROUP, role:ISSUER:ROLE, trust:NAME,
    certificate:NAME, "authenticated" for everybody who is logged in, or "public" for everybody.

    Patterns: oci:team/** for repositories, s3:releases/* for objects, * for everything. Everybody can only be a reader.
    """
    wanted = NewGrant(grantee=grantee, role=Role(role), pattern=pattern, networks=networks)
    made = remote.run(lambda server: with_hint(server.api, grantee, server.api.post("/grants", wanted, GrantDocument)))
    for warning in made.warnings:
        remark(warning)
    if as_json:
        emit_json(msgspec.to_builtins(made))
        return
    where = f", from {', '.join(made.networks)}" if made.networks else ""
    click.echo(f"{made.id}: {_EVERYBODY.get(grantee, grantee)} is {made.role.value} on {made.pattern}{where}")


@grants.command("delete")
@click.argument("id_", metavar="ID")
@remote_options
@json_option
def delete_grant(*, id_: str, remote: Remote, as_json: bool) -> None:
    """Withdraw the grant ID."""
    remote.run(lambda server: with_hint(server.api, id_, server.api.remove(f"/grants/{segment(id_)}")))
    if as_json:
        emit_json({"deleted": id_})
    else:
        click.echo(f"deleted {id_}")
