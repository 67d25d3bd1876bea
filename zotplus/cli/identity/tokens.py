"""``zotplus tokens``: the gateway's own tokens, which the token server, the exchange and the mint give out."""

import sys

import click

from zotplus.cli.commands import Group
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.documents import SigningKey, TokenToRevoke


@click.group(cls=Group)
def tokens() -> None:
    """End one of the gateway's own tokens, and change the key that signs them."""


@tokens.command("revoke")
@remote_options
@json_option
def revoke(*, remote: Remote, as_json: bool) -> None:
    """End the token that standard input holds, everywhere and at once. Whoever has a token may end it."""
    token = sys.stdin.readline().strip()
    if not token:
        raise Problem(errors.ARGUMENT_INVALID, "Standard input holds no token.", argument="token")
    remote.run(lambda server: server.api.command("/tokens/revoke", TokenToRevoke(token=token)))
    if as_json:
        emit_json({"revoked": True})
    else:
        click.echo("The token is revoked.")


@tokens.command("rotate-key")
@remote_options
@json_option
def rotate_key(*, remote: Remote, as_json: bool) -> None:
    """Sign with a new key from now on. What older keys signed stays valid; /auth/jwks has them all."""
    made = remote.run(lambda server: server.api.post("/tokens/keys", {}, SigningKey))
    if as_json:
        emit_json({"key": made.id})
    else:
        click.echo(f"Tokens are signed with the key {made.id} from now on.")
