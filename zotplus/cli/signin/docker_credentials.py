"""``zotplus credential-helper``: what docker and podman ask for the password of a registry.

The host decides which login is meant, and nothing of it goes to another. Spec: docker-credential-helpers, "Development"
(operations, documents on standard input and output, and the words of the one refusal that clients know).
"""

import asyncio
import json
import os
import sys
from urllib.parse import urlsplit

import click
import msgspec

from zotplus.cli.output import explain, remark
from zotplus.cli.remote.caller import TOKEN_USER
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.profiles import Profile, profiles_path, read_profiles
from zotplus.cli.remote.target import DEFAULT_PROFILE, Choice, clean_endpoint, resolve
from zotplus.domain.errors import Problem

NOT_FOUND = "credentials not found in native keychain"
"""Clients go on without credentials at exactly these words, and fail at others."""
_INPUT_MAX_CHARACTERS = 65_536


class _Stored(msgspec.Struct):
    """What ``store`` gets."""

    server: str = msgspec.field(name="ServerURL")
    user: str = msgspec.field(name="Username", default="")
    secret: str = msgspec.field(name="Secret", default="")


@click.command("credential-helper")
@click.argument("operation", type=click.Choice(["get", "store", "erase", "list"]))
def credential_helper(*, operation: str) -> int:
    """Answer docker and podman, which call this command by themselves as docker-credential-zotplus.

    In ~/.docker/config.json or containers' auth.json: {"credHelpers": {"registry.example.com": "zotplus"}}
    """
    try:
        profiles = _by_host()
        if operation == "list":
            click.echo(json.dumps({name: _user(profile) for name, (_, profile) in profiles.items()}))
            return 0
        given = sys.stdin.read(_INPUT_MAX_CHARACTERS)
        if operation == "store":
            return _store(profiles, given)
        if operation == "erase":
            remark("`zotplus logout` ends a login.")
            return 0
        return _get(profiles, given.strip())
    except Problem as problem:
        explain(problem)
        click.echo(f"zotplus: {problem.fault.message} {problem.fault.remedy}")  # what clients repeat of a failure
        return 1


def _get(profiles: dict[str, tuple[str, Profile]], server: str) -> int:
    name, profile = profiles.get(_host(server), ("", None))
    is_downgraded = profile is not None and profile.endpoint.startswith("https://") and _is_plain(server)
    if profile is None or is_downgraded:
        click.echo(NOT_FOUND)
        return 1
    user, secret = asyncio.run(_pair(name)) or ("", "")
    click.echo(json.dumps({"ServerURL": server, "Username": user, "Secret": secret}))
    return 0


async def _pair(name: str) -> tuple[str, str] | None:
    # The host chose the profile: neither another address nor another key from the environment may take its place.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ZOTPLUS_") or key == "ZOTPLUS_CA"}
    async with connect(resolve(Choice(profile=name), environ)) as connection:
        return await connection.caller.basic()


def _store(profiles: dict[str, tuple[str, Profile]], given: str) -> int:
    """After a login that used what ``get`` gave, clients want it stored: it is. Other credentials are not taken."""
    try:
        asked = msgspec.json.decode(given.encode(errors="replace"), type=_Stored)
    except msgspec.DecodeError:
        click.echo("zotplus: what is to be stored is no document with ServerURL, Username and Secret.")
        return 1
    found = profiles.get(_host(asked.server))
    if found is not None and asked.user == _user(found[1]):
        return 0
    click.echo("zotplus: log in with `zotplus login URL`; other credentials are not stored here.")
    return 1


def _by_host() -> dict[str, tuple[str, Profile]]:
    """Name and profile by the registry's host; of several for one host the chosen one, the default, the first."""
    stored = read_profiles(profiles_path(os.environ)).profiles
    wanted = (os.environ.get("ZOTPLUS_PROFILE"), DEFAULT_PROFILE)
    names = [*(name for name in wanted if name in stored), *sorted(stored)]
    found: dict[str, tuple[str, Profile]] = {}
    for name in names:
        profile = stored[str(name)]
        host = _host(profile.endpoint)
        if profile.is_login and host:
            found.setdefault(host, (str(name), profile))
    return found


def _host(server: str) -> str:
    """Host and port as clients name a registry, without what is usual; empty for what is no address."""
    text = server.strip()
    try:
        endpoint = clean_endpoint(text if "://" in text else f"https://{text}")
    except Problem:
        return ""
    return urlsplit(endpoint).netloc.removesuffix(":80").lower()


def _is_plain(server: str) -> bool:
    """Whether what clients send there could be read on the way: by its scheme, or by the port of HTTP."""
    return server.lower().startswith("http://") or urlsplit(f"//{server.rpartition('://')[2]}").netloc.endswith(":80")


def _user(profile: Profile) -> str:
    return TOKEN_USER if profile.issuer else profile.access_key
