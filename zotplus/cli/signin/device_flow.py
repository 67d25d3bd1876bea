"""The way without a browser on this machine: a code that is approved elsewhere. Spec: RFC 8628."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec

from zotplus.cli import faults
from zotplus.cli.remote.connection import is_transient
from zotplus.cli.signin.code_flow import RANDOM_BYTES, Client
from zotplus.cli.signin.issuer import TOLD_CHARACTERS, Endpoints, Granted, Refused, post, require_address
from zotplus.domain.errors import Problem

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL_SECONDS = 5.0
"""RFC 8628, 3.2: between two questions when the issuer names none; 3.5: and what each ``slow_down`` adds."""
LONGEST_INTERVAL = 60.0
_LONGEST_LIFE = 86_400


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has to do: open ``address`` and enter ``user_code``, or just open ``complete`` where it is there.

    ``seconds`` is how long there is time, ``interval`` how often the issuer may be asked.
    """

    device_code: str
    user_code: str
    address: str
    complete: str
    seconds: float
    interval: float

    @classmethod
    def read(cls, answer: Mapping[str, Any], issuer: str) -> Self:
        """Raises ``ISSUER_UNSUITABLE``. Spec: RFC 8628, 3.2."""
        texts = [answer.get(name) for name in ("device_code", "user_code")]
        numbers = [answer.get("expires_in"), answer.get("interval", INTERVAL_SECONDS)]
        fits = all(isinstance(text, str) and text for text in texts) and all(map(_is_seconds, numbers))
        if not fits:
            raise Problem(faults.ISSUER_UNSUITABLE, "It gave no code for a device.")
        complete = answer.get("verification_uri_complete")
        return cls(
            device_code=str(texts[0]),
            user_code=str(texts[1])[:TOLD_CHARACTERS],
            address=require_address(answer.get("verification_uri"), issuer),
            complete=require_address(complete, issuer) if complete else "",
            seconds=float(str(numbers[0])),
            interval=float(str(numbers[1])),
        )


async def by_device(endpoints: Endpoints, client: Client, announce: Callable[[Waiting], None]) -> Granted:
    """Tokens, once somebody approved. ``announce`` gets what to tell that person.

    Raises ``LOGIN_NOT_OFFERED``, ``LOGIN_REFUSED``, ``LOGIN_TIMED_OUT``, ``ISSUER_UNSUITABLE``, and as
    ``Connection.send``.
    """
    from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - only a login pays for it

    if not endpoints.device:
        raise Problem(faults.LOGIN_NOT_OFFERED, f"{endpoints.issuer} has no device flow.")
    verifier = secrets.token_urlsafe(RANDOM_BYTES)  # Keycloak asks for PKCE here too; others overlook it
    asked = {
        "client_id": client.client_id,
        "scope": " ".join(client.scopes),
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    try:
        waiting = Waiting.read(await post(endpoints.device, asked, client.ca_file), endpoints.issuer)
    except Refused as refused:
        raise refused.problem() from None
    announce(waiting)
    form = {
        "grant_type": GRANT,
        "device_code": waiting.device_code,
        "client_id": client.client_id,
        "code_verifier": verifier,
    }
    return await _polled(endpoints, client, waiting, form)


async def _polled(endpoints: Endpoints, client: Client, waiting: Waiting, form: Mapping[str, str]) -> Granted:
    """Ask until there is an answer. Spec: RFC 8628, 3.4 and 3.5."""
    interval = max(waiting.interval, 0.0)
    until = time.monotonic() + waiting.seconds
    while time.monotonic() + interval < until:
        await asyncio.sleep(interval)
        try:
            return Granted.read(await post(endpoints.token, form, client.ca_file))
        except Refused as refused:
            match refused.code:
                case "authorization_pending":
                    pass
                case "slow_down":
                    interval += INTERVAL_SECONDS
                case "expired_token":
                    raise Problem(faults.LOGIN_TIMED_OUT) from None
                case _:
                    raise refused.problem() from None
        except Problem as problem:
            if not is_transient(problem):
                raise
            interval = min(2 * max(interval, 1.0), LONGEST_INTERVAL)  # 3.5: back off when the line breaks
    raise Problem(faults.LOGIN_TIMED_OUT)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_LIFE
