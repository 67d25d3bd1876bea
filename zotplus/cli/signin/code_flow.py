"""The browser's way: authorization code with PKCE, answered to a port of this machine.

Spec: RFC 6749, 4.1; RFC 7636 (PKCE, S256 only); RFC 8252, 7.3 (loopback); RFC 9207 (the issuer names itself);
OpenID Connect Core 1.0, 3.1.2.
"""

import asyncio
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping

import msgspec

from zotplus.cli import faults
from zotplus.cli.signin.issuer import TOLD_CHARACTERS, Endpoints, Granted, Refused, post, words
from zotplus.cli.signin.loopback import listening
from zotplus.domain.errors import Problem

LOGIN_SECONDS = 300.0
"""Time for a person with a second factor; issuers keep their page open for about as long."""
RANDOM_BYTES = 32
"""RFC 7636, 4.1 and 7.1: 256 bits, as 43 characters."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """As whom the command asks, and what it trusts."""

    client_id: str
    scopes: tuple[str, ...]
    ca_file: str = ""
    seconds: float = LOGIN_SECONDS


async def by_browser(endpoints: Endpoints, client: Client, announce: Callable[[str], None]) -> tuple[Granted, str]:
    """Tokens, and the nonce that the ID token must carry. ``announce`` gets the address to open.

    Raises ``LOGIN_REFUSED``, ``LOGIN_TIMED_OUT``, ``ISSUER_UNSUITABLE``, and as ``Connection.send``.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - only a login pays for it
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - as above

    state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
    async with listening(state) as (redirect, answered):
        address = prepare_grant_uri(
            endpoints.authorization,
            client.client_id,
            "code",
            redirect_uri=redirect,
            scope=" ".join(client.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        announce(address)
        try:
            async with asyncio.timeout(client.seconds):
                answer = await answered
        except TimeoutError:
            raise Problem(faults.LOGIN_TIMED_OUT) from None
        form = {
            "grant_type": "authorization_code",
            "code": _code(answer, endpoints),
            "redirect_uri": redirect,
            "client_id": client.client_id,
            "code_verifier": verifier,
        }
        try:
            return Granted.read(await post(endpoints.token, form, client.ca_file)), nonce
        except Refused as refused:
            raise refused.problem() from None


def _code(answer: Mapping[str, str], endpoints: Endpoints) -> str:
    """The code in an answer that carries our state. Raises ``LOGIN_REFUSED``."""
    named = answer.get("iss")
    if named != endpoints.issuer and (named is not None or endpoints.names_itself):
        raise Problem(faults.LOGIN_REFUSED, "The answer is not of the issuer that was asked.")
    if "error" in answer:
        raise Refused(words(answer["error"]), words(answer.get("error_description"))).problem()
    code = answer.get("code", "")
    if not code:
        raise Problem(faults.LOGIN_REFUSED, f"The answer holds no code: {', '.join(answer)[:TOLD_CHARACTERS]}.")
    return code


def open_browser(address: str) -> None:
    """Open ``address`` where there is a screen. A browser that ends with the command's terminal is not waited for."""
    if has_screen(os.environ):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser can show itself. Without, Python would start one in the terminal (lynx, w3m)."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
