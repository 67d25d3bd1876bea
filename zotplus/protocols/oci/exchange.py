"""Token exchange at the token server: another issuer's token comes in, one of the gateway's own goes out.

``audience`` names the trust that lets the token in (or ``self``: the person as they are); without it the one that fits.
Without ``scope`` the answer opens every door; with it, it is a registry token for what was asked and is allowed.

Spec: RFC 8693, 2.1 and 2.2.
"""

from typing import Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.pipeline import undenied
from zotplus.gateway.reply import Reply
from zotplus.protocols.oci.addresses import Parameters
from zotplus.protocols.oci.scopes import allowed, format_scopes, parse_scopes
from zotplus.services.tokens.registry_tokens import RegistryTokens

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ROLE_SHOWN: Final = 128
"""Characters of the trust's name in the log, as many as a name has: more came from somebody who fills disks."""
_KIND = "urn:ietf:params:oauth:token-type:"
_SUBJECTS = frozenset({_KIND + "id_token", _KIND + "jwt", _KIND + "access_token"})
_ACCESS_TOKEN = _KIND + "access_token"
_REQUESTABLE = frozenset({"", _ACCESS_TOKEN, _KIND + "jwt"})


class ExchangeDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer. ``expires_in`` is in seconds."""

    access_token: str
    issued_token_type: str
    token_type: str
    expires_in: int
    scope: str = ""


async def exchange(context: Context, parameters: Parameters, tokens: RegistryTokens) -> Reply:
    """Answer the grant. Raises ``ARGUMENT_INVALID``, ``TOKEN_INVALID``, ``ISSUER_UNAVAILABLE``."""
    subject = _only(parameters, "subject_token")
    if not subject:
        raise _invalid("subject_token", "The form has no subject_token.")
    if _only(parameters, "subject_token_type") not in _SUBJECTS:
        raise _invalid("subject_token_type", f"It is one of {', '.join(sorted(_SUBJECTS))}.")
    if _only(parameters, "requested_token_type") not in _REQUESTABLE:
        raise _invalid("requested_token_type", "Access tokens are issued, and nothing else.")
    if _only(parameters, "actor_token"):
        raise _invalid("actor_token", "Nobody acts for somebody else here.")
    if _only(parameters, "resource"):
        raise _invalid("resource", "The target is named by audience: a trust, or 'self'.")
    audience = _only(parameters, "audience")
    role = "" if audience == tokens.settings.service else audience
    context.log["exchanged_for"] = role[:ROLE_SHOWN] or "whatever fits"
    federation = context.services.federation
    context.principal, issued = await federation.exchange.access_token(subject, role, undenied(context))
    wanted = [value for name, value in parameters if name == "scope" and value.strip()]
    token, expires_in, scope = issued.token, issued.expires - int(tokens.clock()), ""
    if wanted:  # also where nothing of it is understood: whoever asks for less never gets everything
        limited = await tokens.issue(context.principal, allowed(context, parse_scopes(wanted)))
        token, expires_in, scope = limited.token, limited.expires_in, format_scopes(limited.scopes)
    document = ExchangeDocument(
        access_token=token,
        issued_token_type=_ACCESS_TOKEN,
        token_type="Bearer",  # noqa: S106 - a word of RFC 6750
        expires_in=expires_in,
        scope=scope,
    )
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
    return Reply(headers=headers, body=msgspec.json.encode(document))


def _only(parameters: Parameters, wanted: str) -> str:
    """The parameter's value, or nothing. Raises ``ARGUMENT_INVALID`` where it is there twice (RFC 6749, 3.2)."""
    values = [value for name, value in parameters if name == wanted]
    if len(values) > 1:
        raise _invalid(wanted, f"There is more than one {wanted}.")
    return values[0] if values else ""


def _invalid(argument: str, detail: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, detail, argument=argument)
