"""``zotplus login``, ``status`` and ``completion``: the client's own setting up."""

import asyncio
import os
import sys
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from click.shell_completion import get_completion_class

from zotplus.cli import faults
from zotplus.cli.options import Remote, Server, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, human_time
from zotplus.cli.remote.api import Api
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.profiles import Profile, profiles_path, write_profile
from zotplus.cli.remote.target import DEFAULT_PROFILE, Target, clean_endpoint
from zotplus.domain import errors
from zotplus.domain.errors import CATALOGUE, Problem
from zotplus.protocols.api.documents import Identity, Status

_OK = 200


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
@json_option
def login(
    *, url: str, access_key: str | None, secret_stdin: bool, profile: str, region: str, ca_file: str, as_json: bool
) -> None:
    """Try the credentials at URL and store them for later commands.

    They are kept in ~/.config/zotplus/client.yaml (or below XDG_CONFIG_HOME), which only you may read.
    """
    endpoint = clean_endpoint(url)
    user = access_key or os.environ.get("ZOTPLUS_ACCESS_KEY") or click.prompt("Access key", err=True)
    secret = _secret(from_stdin=secret_stdin)
    ca_path = os.path.abspath(ca_file) if ca_file else ""  # noqa: PTH100 - Path.resolve would follow links
    target = Target(endpoint=endpoint, access_key=user, secret_key=secret, ca_file=ca_path)
    identity = asyncio.run(_whoami(target))
    path = profiles_path(os.environ)
    stored = Profile(endpoint=endpoint, access_key=user, secret_key=secret, region=region, ca_file=ca_path)
    write_profile(path, profile, stored)
    if endpoint.startswith("http://") and not _is_local(endpoint):
        click.echo("warning: the connection is not encrypted; everybody on the way can read the secret.", err=True)
    if as_json:
        emit_json({"endpoint": endpoint, "profile": profile, "identity": msgspec.to_builtins(identity)})
    else:
        click.echo(f"Logged in to {endpoint} as {identity.name or identity.id}; stored in {path}.")


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


def _is_local(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
    answer = await server.api.raw("/health/ready")
    try:
        health = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        health = None
    try:
        found = await server.api.get("/status", Status)
    except Problem as problem:
        is_unready = answer.status == errors.SLOW_DOWN.status and health is not None
        if not is_unready and problem.fault not in (errors.ACCESS_DENIED, errors.CREDENTIALS_MISSING):
            raise
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
