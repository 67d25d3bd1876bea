"""``zotplus login``, ``status`` and ``completion``: the client's own setting up."""

import asyncio
import os
import sys
from typing import Any

import click
import msgspec
from click.shell_completion import get_completion_class

from zotplus.cli import faults
from zotplus.cli.options import Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, human_time, remark
from zotplus.cli.remote.api import Api
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.profiles import Profile, profiles_path, tokens_path, write_profile
from zotplus.cli.remote.target import DEFAULT_PROFILE, Target, clean_endpoint, is_exposed
from zotplus.cli.signin.sign_in import Job, Wish, sign_in, sign_in_job
from zotplus.cli.signin.tokens import forget_tokens
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.protocols.api.documents import Identity, Status

_OK = 200
_UNTOLD = (errors.ACCESS_DENIED, errors.CREDENTIALS_MISSING, faults.LOGIN_ENDED)
"""What keeps the counts from somebody, and the server's health from nobody."""


class _Check(msgspec.Struct):
    """One part of the server in ``/health/ready``; ``reason`` is a code of the catalogue, or ``timeout``."""

    status: str
    reason: str = ""


class _Health(msgspec.Struct):
    checks: dict[str, _Check]


@click.command("login")
@click.argument("url")
@click.option("--access-key", metavar="ID", help="The access key's id or the robot's name; asked for when missing.")
@click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input instead of asking for it.")
@click.option("--profile", default=DEFAULT_PROFILE, show_default=True, metavar="NAME", help="The name to store under.")
@click.option("--region", default="", metavar="NAME", help="The region that signatures name.")
@click.option("--ca-file", default="", metavar="FILE", help="Trust the authorities in this PEM file.")
@click.option("--oidc", is_flag=True, help="Log in at the server's OpenID Connect issuer, with a browser.")
@click.option("--issuer", metavar="NAME", help="Which issuer, where the server has several; implies --oidc.")
@click.option("--device", is_flag=True, help="With a browser on another device; implies --oidc.")
@click.option("--token-file", metavar="FILE", help="Log in with the token of a job or pod; - is standard input.")
@click.option("--trust", default="", metavar="NAME", help="Under which trust; by default the one that fits.")
@click.option("--no-browser", is_flag=True, help="Open no browser, only print the address.")
@json_option
def login(
    *,
    url: str,
    access_key: str | None,
    secret_stdin: bool,
    profile: str,
    region: str,
    ca_file: str,
    oidc: bool,
    issuer: str | None,
    device: bool,
    token_file: str | None,
    trust: str,
    no_browser: bool,
    as_json: bool,
) -> None:
    """Try the credentials at URL and store them for later commands.

    Without further options it is an access key, or a robot token, that is asked for. With --oidc you log in at an
    issuer that the server trusts, such as Keycloak, in a browser of this machine; with --device in one of another. A
    job or pod has a token from its platform (GitHub, GitLab, Kubernetes), which --token-file exchanges for one of the
    server's own.

    Keys are kept in ~/.config/zotplus/client.yaml (or below XDG_CONFIG_HOME), an issuer's tokens in the folder tokens
    beside it; only you may read them. Tokens are renewed as long as the session at the issuer lasts.
    """
    endpoint = clean_endpoint(url)
    ca_path = os.path.abspath(ca_file) if ca_file else ""  # noqa: PTH100 - Path.resolve would follow links
    by_key, by_issuer = access_key is not None or secret_stdin, oidc or device or issuer is not None
    if by_key + by_issuer + (token_file is not None) > 1:
        raise click.UsageError("Log in with an access key, at an issuer or with a job's token: with one of them.")
    if trust and token_file is None:
        raise click.UsageError("--trust belongs to --token-file.")
    target = Target(endpoint=endpoint, ca_file=ca_path)
    if token_file is not None:
        job = Job(token_file=token_file, trust=trust)
        identity = asyncio.run(sign_in_job(target, profile, region, job))
    elif by_issuer:
        wish = Wish(issuer=issuer, device=device, browser=not no_browser)
        identity = asyncio.run(sign_in(target, profile, region, wish))
    else:
        user, secret = _key(access_key, from_stdin=secret_stdin)
        keyed = msgspec.structs.replace(target, access_key=user, secret_key=secret)
        identity = asyncio.run(_whoami(keyed))
        path = profiles_path(os.environ)
        stored = Profile(endpoint=endpoint, access_key=user, secret_key=secret, region=region, ca_file=ca_path)
        write_profile(path, profile, stored)
        forget_tokens(tokens_path(path, profile))
    if is_exposed(endpoint):
        click.echo("warning: the connection is not encrypted; everybody on the way can read the secret.", err=True)
    if as_json:
        emit_json({"endpoint": endpoint, "profile": profile, "identity": msgspec.to_builtins(identity)})
    else:
        where = profiles_path(os.environ)
        click.echo(f"Logged in to {endpoint} as {identity.name or identity.id}; stored in {where}.")


def _key(access_key: str | None, *, from_stdin: bool) -> tuple[str, str]:
    user = access_key or os.environ.get("ZOTPLUS_ACCESS_KEY") or click.prompt("Access key", err=True)
    return user, _secret(from_stdin=from_stdin)


def _secret(*, from_stdin: bool) -> str:
    if from_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
    else:
        secret = os.environ.get("ZOTPLUS_SECRET_KEY") or click.prompt("Secret", hide_input=True, err=True)
    if not secret:
        raise Problem(errors.CREDENTIALS_MISSING, "The secret is empty.")
    return secret


async def _whoami(target: Target) -> Identity:
    async with connect(target) as connection:
        return await Api(connection).get("/whoami", Identity)


@click.command("status")
@remote_options
@json_option
def status(*, remote: Remote, as_json: bool) -> None:
    """Show whether the server is ready, and what is in it as far as you may know."""
    ready, health, found = remote.run(_status)
    if as_json:
        counted = None if found is None else msgspec.to_builtins(found)
        emit_json({"endpoint": remote.target.endpoint, "ready": ready, "health": health, "status": counted})
    else:
        rows = [("endpoint", remote.target.endpoint), ("ready", "yes" if ready else "no")]
        if isinstance(health, dict) and isinstance(health.get("checks"), dict):
            rows += [(str(name), _told(state)) for name, state in health["checks"].items()]
        if found is not None:
            rows += [("version", found.version), ("clock", human_time(found.now))]
            rows += [(name, str(getattr(found, name))) for name in ("buckets", "keys", "grants")]
        emit_fields(rows)
    if not ready:
        raise _not_ready(health)


def _not_ready(health: Any) -> Problem:
    """What keeps the server from being ready: the fault of the first check that failed, and the names of all."""
    try:
        checks = msgspec.convert(health, _Health).checks
    except msgspec.ValidationError:
        refusal = health.get("code", "") if isinstance(health, dict) else ""  # while it drains it refuses to tell
        return Problem(CATALOGUE.get(str(refusal), faults.ANSWER_UNEXPECTED), "The server is not ready.")
    failed = {name: check for name, check in checks.items() if check.status == "failed"}
    if not failed:
        return Problem(errors.SHUTTING_DOWN, "The server is not ready.")
    first, check = next(iter(failed.items()))
    silent = errors.UPSTREAM_UNAVAILABLE if first == "upstream" else errors.STORAGE_FAILED
    told = ", ".join(f"{name} ({row.reason})" for name, row in failed.items())
    return Problem(CATALOGUE.get(check.reason, silent), f"The server is not ready: {told}.")


async def _status(server: Server) -> tuple[bool, Any, Status | None]:
    """Readiness, its document, and the counts; None for whoever may not read them, and where they cannot be read."""
    answer = await server.api.public("/health/ready")
    try:
        health = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        health = None
    try:
        found = await server.api.get("/status", Status)
    except Problem as problem:
        is_unready = answer.status == errors.SLOW_DOWN.status and health is not None
        if not is_unready and problem.fault not in _UNTOLD:
            raise
        if problem.fault is faults.LOGIN_ENDED:
            remark(f"{problem.fault.message} {problem.fault.remedy}")
        found = None
    return answer.status == _OK, health, found


def _told(state: Any) -> str:
    if isinstance(state, dict):
        return ", ".join(f"{name}: {value}" for name, value in state.items())
    return str(state)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the completion script of SHELL, such as for `eval "$(zotplus completion bash)"`."""
    from zotplus.cli.commands import cli  # noqa: PLC0415 - the root imports this module's commands

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(cli, {}, "zotplus", "_ZOTPLUS_COMPLETE").source())
