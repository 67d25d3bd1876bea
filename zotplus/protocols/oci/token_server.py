"""The token server: credentials come in, a short-lived token for what was asked and is allowed goes out.

Spec: https://distribution.github.io/distribution/spec/auth/token/ (GET) and …/auth/oauth/ (POST).
"""

from datetime import UTC, datetime

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.credentials import caller
from zotplus.gateway.reply import Reply
from zotplus.protocols.oci import exchange
from zotplus.protocols.oci.addresses import Parameters, parse_query
from zotplus.protocols.oci.operations import Bare
from zotplus.protocols.oci.scopes import allowed, format_scopes, parse_scopes
from zotplus.services.tokens.registry_tokens import IssuedTokens, RegistryTokens

FORM = "application/x-www-form-urlencoded"
FORM_MAX_BYTES = 65_536
KEYS_MAX_AGE = 300
"""Seconds that others may keep our keys: so long a new key, which signs at once, may be unknown to them."""


class TokenDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer. ``token`` and ``access_token`` are equal: older clients read the first, OAuth2 ones the second."""

    token: str
    access_token: str
    expires_in: int
    issued_at: str
    scope: str = ""
    refresh_token: str | None = None


class TokenServer:
    """Handlers of ``/auth/token``."""

    def __init__(self, tokens: RegistryTokens) -> None:
        self._tokens = tokens

    async def get(self, context: Context, _operation: Bare) -> Reply:
        """Basic credentials, an issuer's token, or none; scopes in the query."""
        parameters = parse_query(context.head.raw_query)
        context.principal = await caller(context)
        offline = _first(parameters, "offline_token") == "true"
        return await self._issue(context, parameters, offline=offline)

    async def keys(self, _context: Context, _operation: Bare) -> Reply:
        """The public keys of the gateway's own tokens, for whoever verifies them elsewhere. Spec: RFC 7517, 5."""
        document = {"keys": await self._tokens.keys.published()}
        headers = (("Content-Type", "application/jwk-set+json"), ("Cache-Control", f"max-age={KEYS_MAX_AGE}"))
        return Reply(headers=headers, body=msgspec.json.encode(document))

    async def post(self, context: Context, _operation: Bare) -> Reply:
        """OAuth2: a form with the grant type ``password``, ``refresh_token`` or token exchange (RFC 8693)."""
        parameters = await _form(context)
        grant = _first(parameters, "grant_type")
        refresh = ""
        if grant == exchange.GRANT:
            return await exchange.exchange(context, parameters, self._tokens)
        if grant == "password":
            user, password = _required(parameters, "username"), _required(parameters, "password")
            context.principal = await context.services.callers.by_password(user, password, context.head.peer)
        elif grant == "refresh_token":
            refresh = _required(parameters, "refresh_token")
            context.principal = await self._tokens.refreshed(refresh)
        else:
            raise Problem(errors.ARGUMENT_INVALID, "The grant type is not supported.", argument="grant_type")
        offline = _first(parameters, "access_type") == "offline"
        return await self._issue(context, parameters, offline=offline, refresh=refresh)

    async def _issue(self, context: Context, parameters: Parameters, *, offline: bool, refresh: str = "") -> Reply:
        asked = parse_scopes(value for name, value in parameters if name == "scope")
        granted = allowed(context, asked)
        issued = await self._tokens.issue(context.principal, granted, offline=offline and not refresh)
        headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
        return Reply(headers=headers, body=msgspec.json.encode(_document(issued, refresh)))


def _document(issued: IssuedTokens, refresh: str) -> TokenDocument:
    return TokenDocument(
        token=issued.token,
        access_token=issued.token,
        expires_in=issued.expires_in,
        issued_at=datetime.fromtimestamp(issued.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        scope=format_scopes(issued.scopes),
        refresh_token=issued.refresh or refresh or None,  # the refresh token that was used stays valid
    )


async def _form(context: Context) -> Parameters:
    """The form's fields. Raises ``REQUEST_INVALID``, ``BODY_TOO_LARGE``, ``ARGUMENT_INVALID``."""
    media_type = context.head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise Problem(errors.REQUEST_INVALID, f"The token server takes {FORM}.")
    body = await context.body.read(FORM_MAX_BYTES)
    try:
        text = body.decode()
    except UnicodeDecodeError as failure:
        raise Problem(errors.REQUEST_INVALID, "The form is not UTF-8.") from failure
    return parse_query(text, limit=FORM_MAX_BYTES)


def _first(parameters: Parameters, wanted: str) -> str:
    return next((value for name, value in parameters if name == wanted), "")


def _required(parameters: Parameters, name: str) -> str:
    value = _first(parameters, name)
    if not value:
        raise Problem(errors.ARGUMENT_INVALID, f"The form has no {name}.", argument=name)
    return value
