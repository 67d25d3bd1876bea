"""Credentials of registry clients, and the challenge that tells them where to get a token.

One Bearer challenge per answer, never a second scheme: some clients read only the first, others choose the wrong one.
"""

import base64
import binascii
import re

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.head import RequestHead
from zotplus.protocols.oci.scopes import format_scopes
from zotplus.services.identity.registry_tokens import Scope

TOKEN_PATH = "/auth/token"  # noqa: S105 - an address
BASIC_MAX_CHARACTERS = 8_192

# RFC 3986 3.2.2: what can stand in a host with its port; anything else would leave the quoted string of the challenge.
_is_host = re.compile(r"[A-Za-z0-9._~\-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?").fullmatch


def authorization(head: RequestHead) -> tuple[str, str]:
    """Scheme in lower case, and what follows it; two empty strings when there is none.

    Raises ``CREDENTIALS_AMBIGUOUS`` for more than one header.
    """
    values = head.headers.getall("Authorization", [])
    if not values:
        return "", ""
    if len(values) > 1:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS, "Several Authorization headers were sent.")
    scheme, _, value = values[0].partition(" ")
    return scheme.lower(), value.strip()


def basic(value: str) -> tuple[str, str]:
    """User and password of a Basic credential. Raises ``CREDENTIALS_MALFORMED``. Spec: RFC 7617."""
    if len(value) > BASIC_MAX_CHARACTERS:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential is too long.")
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as failure:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential is not base64 of user:password.") from failure
    if not colon:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential has no colon.")
    return user, password


def challenge(realm: str, service: str, scopes: tuple[Scope, ...], error: str) -> str:
    """The value of WWW-Authenticate."""
    text = f'Bearer realm="{realm}",service="{service}"'
    if scopes:
        text += f',scope="{format_scopes(scopes)}"'
    if error:
        text += f',error="{error}"'
    return text


def realm_of(head: RequestHead, external_url: str | None) -> str:
    """The token server's address as this client reaches it."""
    if external_url:
        return external_url.rstrip("/") + TOKEN_PATH
    if head.scheme not in {"http", "https"} or _is_host(head.host) is None:
        return TOKEN_PATH
    return f"{head.scheme}://{head.host}{TOKEN_PATH}"
