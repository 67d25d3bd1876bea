"""``zotplus sessions``: end what was issued."""

import click

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json, remark
from zotplus.protocols.api.federation.documents import SessionsToEnd

EVERYBODY = "*"

_OF_A_PERSON = "The last part is the subject, as `zotplus audit show` and /api/v1/whoami tell it, not the user name."


@click.group(cls=Group)
def sessions() -> None:
    """End sessions and tokens before their time."""


@sessions.command("revoke")
@click.option(
    "--of", "principal", metavar="ID", help="Whose: a principal's id, such as trust:release or user:keycloak:SUBJECT."
)
@click.option("--all", "everybody", is_flag=True, help="Everybody's, the caller's own included.")
@remote_options
@json_option
def revoke(*, principal: str | None, everybody: bool, remote: Remote, as_json: bool) -> None:
    """End all sessions and tokens that were issued until now, on every worker at once.

    Tokens that an issuer made until now end as well. Whoever can get a newer one comes in again: take away their
    grants or trust to keep them out. Access keys and robots stay valid: revoke these with `zotplus keys revoke`.
    """
    if (principal is None) is not everybody:
        raise click.UsageError("Say whose: --of ID, or --all.")
    whose = principal or EVERYBODY
    remote.run(lambda server: server.api.command("/sessions/revoke", SessionsToEnd(principal=whose)))
    if as_json:
        emit_json({"revoked": whose})
        return
    if whose.startswith("user:"):
        remark(_OF_A_PERSON)
    click.echo(f"ended the sessions and tokens of {'everybody' if everybody else whose}")
