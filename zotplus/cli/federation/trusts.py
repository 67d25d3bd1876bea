"""``zotplus trust``: which jobs and pods come in with a token of their own system, and what they may."""

import functools
import sys
from typing import Any

import click
import msgspec

from zotplus.cli.commands import Group
from zotplus.cli.options import Command, Duration, Remote, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, emit_table, human_time
from zotplus.cli.remote.api import segment
from zotplus.protocols.api.federation.documents import (
    NewTrust,
    TokenToTry,
    TokenTrial,
    TrustChange,
    TrustDocument,
    TrustList,
    TrustRole,
)
from zotplus.services.identity.roles import Role

TOKEN_MAX_CHARACTERS = 20_000

_ROLES = click.Choice([role.value for role in Role])
_CLAIM_HELP = "A claim that the token must carry; given again, one of several patterns for it."
_GRANT_HELP = "A role that it gives, such as publisher 'oci:team/**'."
_LIFETIME_HELP = "How long what is issued lasts: 15m to 12h.  [default: 1h]"


@click.group(cls=Group)
def trust() -> None:
    """Manage trusts: jobs of a CI system and pods come in with their own token, without a stored secret."""


@trust.command("list")
@remote_options
@json_option
def list_trusts(*, remote: Remote, as_json: bool) -> None:
    """List all trusts."""
    found = remote.run(lambda server: server.api.get("/trusts", TrustList)).trusts
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    rows = [(one.name, one.issuer, one.audience, _claims(one), _roles(one), human_time(one.changed)) for one in found]
    emit_table(("NAME", "ISSUER", "AUDIENCE", "CLAIMS", "ROLES", "CHANGED"), rows)


@trust.command("show")
@click.argument("name")
@remote_options
@json_option
def show_trust(*, name: str, remote: Remote, as_json: bool) -> None:
    """Show the trust NAME."""
    found = remote.run(lambda server: server.api.get(f"/trusts/{segment(name)}", TrustDocument))
    _show(found, as_json=as_json)


def _terms(command: Command) -> Command:
    """Adds the options that say what a trust asks and gives; the command gets them as ``_said`` takes them."""

    @click.option("--issuer", required=True, help="The issuer's name in the settings.")
    @click.option(
        "--audience",
        required=True,
        help="What the token must be made for: one of the issuer's audiences in the settings.",
    )
    @click.option("--claim", "claims", multiple=True, required=True, metavar="PATH=PATTERN", help=_CLAIM_HELP)
    @click.option("--grant", "grants", multiple=True, type=(_ROLES, str), metavar="ROLE PATTERN", help=_GRANT_HELP)
    @click.option("--lifetime", type=Duration("15m", "12h"), default="1h", metavar="SPAN", help=_LIFETIME_HELP)
    @click.option("--reuse", is_flag=True, help="Let the same token in more than once (token files, passwords).")
    @click.option("--description", default="", help="What it is for.")
    @functools.wraps(command)
    def with_terms(**given: Any) -> Any:
        return command(**given)

    return with_terms


@trust.command("create")
@click.argument("name")
@_terms
@remote_options
@json_option
def create_trust(*, name: str, remote: Remote, as_json: bool, **said: Any) -> None:
    """Create the trust NAME.

    Example: zotplus trust create release --issuer github --audience zotplus --claim repository_id=74
    --claim 'ref=refs/tags/*' --grant publisher 'oci:team/**'
    """
    wanted = NewTrust(name=name, **_said(**said))
    made = remote.run(lambda server: server.api.post("/trusts", wanted, TrustDocument))
    _show(made, as_json=as_json)


@trust.command("put")
@click.argument("name")
@_terms
@remote_options
@json_option
def put_trust(*, name: str, remote: Remote, as_json: bool, **said: Any) -> None:
    """Create the trust NAME, or give it exactly these terms and roles."""
    wanted = TrustChange(**_said(**said))
    made = remote.run(lambda server: server.api.put(f"/trusts/{segment(name)}", wanted, TrustDocument))
    _show(made, as_json=as_json)


@trust.command("delete")
@click.argument("name")
@remote_options
@json_option
def delete_trust(*, name: str, remote: Remote, as_json: bool) -> None:
    """Delete the trust NAME with its grants; sessions and tokens that were issued under it end at once."""
    remote.run(lambda server: server.api.remove(f"/trusts/{segment(name)}"))
    if as_json:
        emit_json({"deleted": name})
        return
    click.echo(f"deleted {name}")


@trust.command("test")
@remote_options
@json_option
def try_token(*, remote: Remote, as_json: bool) -> None:
    """Try a token, read from standard input: which trust accepts it, and which condition fails.

    The token is not used up. Ends with 1 where no trust accepts it.
    """
    given = sys.stdin.read(TOKEN_MAX_CHARACTERS + 1).strip()
    if not given:
        raise click.UsageError("Pass the token on standard input: zotplus trust test < token.jwt")
    found = remote.run(lambda server: server.api.post("/trusts/test", TokenToTry(token=given), TokenTrial))
    accepted = [trial.trust for trial in found.trusts if trial.accepts]
    if as_json:
        emit_json(msgspec.to_builtins(found))
    else:
        _explain(found, accepted)
    if not accepted:
        click.get_current_context().exit(1)


def _explain(found: TokenTrial, accepted: list[str]) -> None:
    if found.refused:
        click.echo(f"The token is refused ({found.refused}): {found.reason}")
        return
    emit_fields([("issuer", found.issuer), ("subject", found.subject), ("expires", human_time(found.expires))])
    click.echo(f"accepted by: {', '.join(accepted) or 'no trust'}")
    rows = [
        (
            trial.trust,
            one.claim,
            "yes" if one.holds else "NO",
            " | ".join(one.wanted),
            "-" if one.found is None else one.found,
        )
        for trial in found.trusts
        for one in trial.conditions
    ]
    if rows:
        emit_table(("TRUST", "CLAIM", "HOLDS", "WANTED", "FOUND"), rows)


def _said(*, claims: tuple[str, ...], grants: tuple[tuple[str, str], ...], **rest: Any) -> dict[str, Any]:
    """The options as fields of a document. Raises ``click.UsageError``."""
    found: dict[str, tuple[str, ...]] = {}
    for claim in claims:
        path, equals, pattern = claim.partition("=")
        if not (path and equals and pattern):
            raise click.UsageError(f"{claim!r} is not PATH=PATTERN, such as repository_id=74.")
        found[path] = (*found.get(path, ()), pattern)
    roles = tuple([TrustRole(role=Role(role), pattern=pattern) for role, pattern in grants])
    return {**rest, "claims": found, "grants": roles}


def _show(found: TrustDocument, *, as_json: bool) -> None:
    if as_json:
        emit_json(msgspec.to_builtins(found))
        return
    emit_fields(
        [
            ("name", found.name),
            ("principal", found.principal),
            ("issuer", found.issuer),
            ("audience", found.audience),
            ("claims", _claims(found)),
            ("roles", _roles(found)),
            ("lifetime", f"{found.lifetime} s"),
            ("reuse", "yes" if found.reuse else "no"),
            ("description", found.description),
            ("created", human_time(found.created)),
            ("changed", human_time(found.changed)),
        ]
    )


def _claims(found: TrustDocument) -> str:
    return ", ".join(f"{claim}={'|'.join(patterns)}" for claim, patterns in found.claims.items())


def _roles(found: TrustDocument) -> str:
    return ", ".join(f"{grant.role.value} on {grant.pattern}" for grant in found.grants)
