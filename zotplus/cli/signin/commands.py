"""``zotplus logout``, ``token`` and ``credential-process``: what there is to do with a login."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from zotplus.cli import faults
from zotplus.cli.options import Remote, json_option, remote_options
from zotplus.cli.output import emit_json, remark
from zotplus.cli.remote.api import Api
from zotplus.cli.remote.caller import TokenCaller
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.profiles import Profile, profiles_path, read_profiles, remove_profile, tokens_path
from zotplus.cli.remote.registry import registry_token
from zotplus.cli.remote.target import DEFAULT_PROFILE, Target
from zotplus.cli.signin.issuer import Refused, post
from zotplus.cli.signin.renewal import SignedIn
from zotplus.cli.signin.tokens import forget_tokens, locked, read_tokens
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.protocols.api.documents import TokenToRevoke


@click.command("logout")
@click.option("--profile", metavar="NAME", help="Which login to end. [env: ZOTPLUS_PROFILE]")
@json_option
def logout(*, profile: str | None, as_json: bool) -> None:
    """End a login: its tokens are revoked at the issuer, and all of it is removed from this machine.

    An access key stays valid; `zotplus keys revoke` ends one.
    """
    name = profile or os.environ.get("ZOTPLUS_PROFILE") or DEFAULT_PROFILE
    path = profiles_path(os.environ)
    stored = read_profiles(path).profiles.get(name)
    if stored is None:
        raise Problem(faults.PROFILE_UNKNOWN, f"There is no profile {name!r}.")
    is_revoked = asyncio.run(_ended(tokens_path(path, name), stored))
    remove_profile(path, name)
    if as_json:
        emit_json({"profile": name, "endpoint": stored.endpoint, "revoked": is_revoked})
    else:
        click.echo(f"Logged out of {stored.endpoint}.")


async def _ended(path: Path, stored: Profile) -> bool:
    """Revoke and remove the tokens. Without the issuer they are removed all the same, and a note says so."""
    if not stored.issuer:
        forget_tokens(path)
        return False
    async with locked(path):
        try:
            is_revoked = await _revoked(path, stored.ca_file)
        except Problem as problem:
            remark(f"The tokens could not be revoked at {stored.issuer}: {problem.detail}")
            is_revoked = False
        forget_tokens(path)
    return is_revoked


async def _revoked(path: Path, ca_file: str) -> bool:
    """Whether the issuer revoked the login: its refresh token, and with it all else. Spec: RFC 7009, 2.1."""
    tokens = read_tokens(path)
    if tokens.is_of_server:
        async with connect(Target(endpoint=tokens.endpoint, ca_file=ca_file)) as connection:
            connection.caller = TokenCaller(tokens.access_token)
            await Api(connection).command("/tokens/revoke", TokenToRevoke(token=tokens.access_token))
        return True
    if not tokens.revocation_endpoint:
        remark(f"{tokens.issuer} revokes no tokens: this one ends by itself.")
        return False
    kind = "refresh_token" if tokens.refresh_token else "access_token"
    secret = tokens.refresh_token or tokens.access_token
    form = {"token": secret, "token_type_hint": kind, "client_id": tokens.client_id}
    try:
        await post(tokens.revocation_endpoint, form, ca_file)
    except Refused as refused:
        raise refused.problem() from None
    return True


@click.command("token")
@click.option("--registry", is_flag=True, help="A token of the server's own, as registry clients use below /v2/.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="What it is for: repository:team/app:pull,push."
)
@remote_options
@json_option
def token(*, registry: bool, scopes: tuple[str, ...], remote: Remote, as_json: bool) -> None:
    """Print a fresh access token, such as for `curl -H "Authorization: Bearer $(zotplus token)"`.

    It is the issuer's, for the API and as the password of any user at every other door. With --registry it is the
    server's own, for the scopes that are given and granted; access keys and robots get such a token too.
    """
    if scopes and not registry:
        raise click.UsageError("--scope belongs to --registry.")
    secret = asyncio.run(_token(remote.target, scopes, registry=registry))
    if as_json:
        emit_json({"token": secret})
    else:
        click.echo(secret)


async def _token(target: Target, scopes: tuple[str, ...], *, registry: bool) -> str:
    async with connect(target) as connection:
        if registry:
            return await registry_token(connection, scopes)
        if not isinstance(connection.caller, SignedIn):
            raise Problem(faults.LOGIN_WITHOUT_TOKEN)
        return await connection.caller.access_token()


@click.command("credential-process")
@remote_options
def credential_process(*, remote: Remote) -> None:
    """Print credentials for aws and its SDKs, which call this command by themselves.

    In ~/.aws/config: credential_process = zotplus credential-process, and endpoint_url = https://registry.example.com/s3
    """
    click.echo(json.dumps(asyncio.run(_process(remote.target))))


async def _process(target: Target) -> dict[str, Any]:
    """Spec: AWS SDKs and Tools Reference Guide, "Process credential provider"."""
    async with connect(target) as connection:
        if isinstance(connection.caller, SignedIn):
            keys = await connection.caller.session_keys()
            return {
                "Version": 1,
                "AccessKeyId": keys.access_key,
                "SecretAccessKey": keys.secret_key,
                "SessionToken": keys.session_token,
                "Expiration": datetime.fromtimestamp(keys.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
    if not target.access_key:
        raise Problem(errors.CREDENTIALS_MISSING, f"There is no login for {target.endpoint}.")
    return {"Version": 1, "AccessKeyId": target.access_key, "SecretAccessKey": target.secret_key}
