"""Whether an ID token says who just logged in here.

Spec: OpenID Connect Core 1.0, 3.1.3.7 (validation) and 3.1.3.8 (``at_hash``). Signature, issuer, audience and times are
judged by the same rules as the gateway's; nonce, authorized party and ``at_hash`` by Authlib.
"""

import time
from collections.abc import Mapping
from typing import Any

from zotplus.adapters.oidc.compact import Unverified, take_apart
from zotplus.adapters.oidc.keys import holds, read_keys
from zotplus.adapters.oidc.rules import require_algorithm, require_claims
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.cli import faults
from zotplus.cli.signin.issuer import Endpoints, Granted, read_keys_of
from zotplus.domain.errors import Problem
from zotplus.ports.identity import TokenRefused


async def verified(granted: Granted, endpoints: Endpoints, client_id: str, nonce: str, ca_file: str) -> dict[str, Any]:
    """The claims of the ID token; an empty ``nonce`` asks for none (device flow). Raises ``ID_TOKEN_REFUSED``."""
    if not granted.id_token:
        raise Problem(faults.ID_TOKEN_REFUSED, "There is none.")
    settings = IssuerSettings(name="login", url=endpoints.issuer, audiences=(client_id,), allow_http=True)
    try:
        token = take_apart(granted.id_token)
        require_algorithm(token, settings)
        require_claims(token, settings, time.time())
    except TokenRefused as refused:
        raise Problem(faults.ID_TOKEN_REFUSED, refused.why) from None
    if token.claims.get("iss") != endpoints.issuer:
        raise Problem(faults.ID_TOKEN_REFUSED, "It is of another issuer.")
    await _require_signature(token, endpoints, ca_file)
    _require_login(token, {"nonce": nonce, "client_id": client_id, "access_token": granted.access_token})
    return token.claims


async def _require_signature(token: Unverified, endpoints: Endpoints, ca_file: str) -> None:
    try:
        keys = read_keys(await read_keys_of(endpoints, ca_file))
    except ValueError as reason:
        raise Problem(faults.ISSUER_UNSUITABLE, f"Its keys cannot be used: {reason}.") from None
    key = keys.find(token.key_id, token.algorithm)
    if key is None or not holds(token.token, key, token.algorithm):
        raise Problem(faults.ID_TOKEN_REFUSED, "Its signature is not the issuer's.")


def _require_login(token: Unverified, login: Mapping[str, str]) -> None:
    """That the token was made for this client and this login, and for the access token beside it."""
    from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - only a login pays for it
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above

    try:
        CodeIDToken(token.claims, {"alg": token.algorithm}, params=dict(login)).validate(leeway=30)
    except (JoseError, ValueError, TypeError) as error:
        raise Problem(faults.ID_TOKEN_REFUSED, f"It does not fit this login ({error}).") from None
