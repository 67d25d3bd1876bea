"""A login at one of the server's issuers, from the choice of the issuer to the stored profile."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from zotplus.cli import faults
from zotplus.cli.output import remark
from zotplus.cli.remote.api import Api
from zotplus.cli.remote.caller import TokenCaller
from zotplus.cli.remote.connection import connect
from zotplus.cli.remote.profiles import Profile, profiles_path, tokens_path, write_profile
from zotplus.cli.remote.registry import exchange
from zotplus.cli.remote.target import Target, is_exposed
from zotplus.cli.signin.code_flow import Client, by_browser, open_browser
from zotplus.cli.signin.device_flow import Waiting, by_device
from zotplus.cli.signin.id_token import verified
from zotplus.cli.signin.issuer import Endpoints, Granted, discover
from zotplus.cli.signin.tokens import SELF, Tokens, locked, read_job_token, write_tokens
from zotplus.domain.errors import FaultType, Problem
from zotplus.protocols.api.documents import Identity, LoginIssuer, Logins
from zotplus.services.federation.trusts import TRUST_PREFIX

STANDARD_INPUT = "-"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How one wants to log in. ``issuer`` is a name, needed where the server has several."""

    issuer: str | None = None
    device: bool = False
    browser: bool = True


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job or pod: where its platform puts its token (``-`` is standard input), and under which trust it comes in.

    Without a trust it is the one that fits; ``self`` is somebody as they are.
    """

    token_file: str
    trust: str = ""


async def sign_in(target: Target, profile: str, region: str, wish: Wish) -> Identity:
    """Log in at ``target``, keep tokens and profile, and say as whom the server takes the caller.

    Nothing is kept unless the server takes the token. Raises what any step refuses.
    """
    offer = choose(await _offers(target), wish)
    if is_exposed(offer.url):
        remark(f"The connection to {offer.url} is not encrypted; everybody on the way can read the tokens.")
    endpoints = await discover(offer.url, target.ca_file)
    client = Client(client_id=offer.client_id, scopes=offer.scopes, ca_file=target.ca_file)
    granted = await _granted(endpoints, client, wish)
    tokens = Tokens(
        endpoint=target.endpoint,
        issuer=endpoints.issuer,
        client_id=client.client_id,
        token_endpoint=endpoints.token,
        revocation_endpoint=endpoints.revocation,
        access_token=granted.access_token,
        expires=granted.expires,
        refresh_token=granted.refresh_token,
    )
    identity = await _known_as(target, granted.access_token)
    await _keep(tokens, profile, region, target.ca_file)
    return identity


async def sign_in_job(target: Target, profile: str, region: str, job: Job) -> Identity:
    """Log in with the token that a job or pod has from its platform; otherwise as ``sign_in``."""
    async with connect(target) as connection:
        made = await exchange(connection, read_job_token(job.token_file), job.trust)
    identity = await _known_as(target, made.access_token)
    tokens = Tokens(
        endpoint=target.endpoint,
        issuer=target.endpoint,
        access_token=made.access_token,
        expires=time.time() + made.expires_in,
        role=identity.id.removeprefix(TRUST_PREFIX) if identity.id.startswith(TRUST_PREFIX) else SELF,
        token_file="" if job.token_file == STANDARD_INPUT else str(Path(job.token_file).absolute()),
    )
    await _keep(tokens, profile, region, target.ca_file)
    return identity


async def _keep(tokens: Tokens, profile: str, region: str, ca_file: str) -> None:
    profiles = profiles_path(os.environ)
    path = tokens_path(profiles, profile)
    async with locked(path):
        write_tokens(path, tokens)
    stored = Profile(endpoint=tokens.endpoint, issuer=tokens.issuer, region=region, ca_file=ca_file)
    write_profile(profiles, profile, stored)


def choose(offers: tuple[LoginIssuer, ...], wish: Wish) -> LoginIssuer:
    """The issuer to log in at. Raises ``LOGIN_NOT_OFFERED``."""
    names = ", ".join(offer.name for offer in offers)
    if not offers:
        raise Problem(faults.LOGIN_NOT_OFFERED, "It has no issuer for people.")
    if wish.issuer is None and len(offers) > 1:
        raise Problem(faults.LOGIN_NOT_OFFERED, f"It has several issuers; choose one with --issuer: {names}.")
    found = next((offer for offer in offers if wish.issuer in (None, offer.name)), None)
    if found is None:
        raise Problem(faults.LOGIN_NOT_OFFERED, f"It has no issuer {wish.issuer!r} for people, but {names}.")
    if wish.device and not found.device:
        raise Problem(faults.LOGIN_NOT_OFFERED, f"It does not offer the device flow of {found.name}.")
    return found


async def _offers(target: Target) -> tuple[LoginIssuer, ...]:
    async with connect(target) as connection:
        return (await Api(connection).get("/login", Logins)).issuers


async def _granted(endpoints: Endpoints, client: Client, wish: Wish) -> Granted:
    """Tokens whose ID token proves that they come from this login."""
    if wish.device:
        granted, nonce = await by_device(endpoints, client, _tell_device), ""
    else:
        granted, nonce = await by_browser(endpoints, client, _tell_browser(opens=wish.browser))
    await verified(granted, endpoints, client.client_id, nonce, client.ca_file)
    return granted


def _tell_browser(*, opens: bool) -> Callable[[str], None]:
    def tell(address: str) -> None:
        remark(f"Log in with a browser at {address}")
        if opens:
            open_browser(address)

    return tell


def _tell_device(waiting: Waiting) -> None:
    remark(f"Open {waiting.address} on any device and enter the code {waiting.user_code}")
    if waiting.complete:
        remark(f"The same with the code in it: {waiting.complete}")


async def _known_as(target: Target, token: str) -> Identity:
    """What the server says of the new token."""
    async with connect(target) as connection:
        connection.caller = TokenCaller(token)
        try:
            return await Api(connection).get("/whoami", Identity)
        except Problem as problem:
            if problem.fault.type is not FaultType.AUTHENTICATION:
                raise
            why = f"The issuer knows you, and the server refuses its token: {problem.detail}"
            raise Problem(problem.fault, why, **problem.fields) from problem
