"""The challenge that tells registry clients where to get a token.

One Bearer challenge per answer, never a second scheme: some clients read only the first, others choose the wrong one.
"""

import re

from zotplus.gateway.head import RequestHead
from zotplus.protocols.oci.scopes import format_scopes
from zotplus.services.tokens.registry_tokens import Scope

TOKEN_PATH = "/auth/token"  # noqa: S105 - an address
KEYS_PATH = "/auth/jwks"

# RFC 3986 3.2.2: what can stand in a host with its port; anything else would leave the quoted string of the challenge.
_is_host = re.compile(r"[A-Za-z0-9._~\-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?").fullmatch


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
