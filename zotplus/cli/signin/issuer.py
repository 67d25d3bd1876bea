"""The issuer as a client sees it: where its endpoints are, what it answers there, and in which words it refuses.

Spec: OpenID Connect Discovery 1.0, 4; RFC 8414, 3.3 (the issuer in the document must be the one asked); RFC 6749, 5.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec

from zotplus.adapters.oidc.fetching import DOCUMENT_MAX_BYTES
from zotplus.adapters.oidc.strict_json import read_object
from zotplus.cli import faults
from zotplus.cli.remote.connection import Answer, Outgoing, connect
from zotplus.cli.remote.target import Target, clean_endpoint
from zotplus.domain.errors import Problem

WELL_KNOWN = "/.well-known/openid-configuration"
ASSUMED_SECONDS = 60
"""How long an access token is taken for good whose issuer does not say: renewed too often rather than refused."""
ANSWER_SECONDS = 30.0
"""For one whole answer of the issuer; its pages have seconds, and a drip of bytes must not hold a command for ever."""
TOLD_CHARACTERS = 300
"""How much of an issuer's own words is repeated."""

_OK, _REFUSED, _FAILED = 200, (400, 401, 403), 500
_is_token = re.compile(r"[A-Za-z0-9._~+/-]{1,65536}=*").fullmatch  # RFC 6750, 2.1: fit for a header


class Refused(Exception):  # noqa: N818 - an answer, which the flows read on
    """The issuer refused, as RFC 6749, 5.2 says: ``code`` is its word, ``told`` a sentence for people or empty."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(code)
        self.code = code
        self.told = told

    def problem(self) -> Problem:
        """As commands end."""
        return Problem(faults.LOGIN_REFUSED, f"{self.code}: {self.told}" if self.told else f"{self.code}.")


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """What the discovery document says; empty where the issuer has no such endpoint.

    ``names_itself`` says that answers by way of the browser carry the issuer (RFC 9207).
    """

    issuer: str
    authorization: str
    token: str
    keys: str
    device: str = ""
    revocation: str = ""
    names_itself: bool = False


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint gave; ``expires`` is when the access token ends, in seconds since the epoch."""

    access_token: str
    expires: float
    refresh_token: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        return "Granted(…)"  # secret

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Raises ``ISSUER_UNSUITABLE``. Spec: RFC 6749, 5.1; OpenID Connect Core 1.0, 3.1.3.3."""
        token, kind = answer.get("access_token"), answer.get("token_type")
        if not isinstance(token, str) or _is_token(token) is None:
            raise Problem(faults.ISSUER_UNSUITABLE, "It gave no access token.")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise Problem(faults.ISSUER_UNSUITABLE, "Its access token is of another type than Bearer.")
        seconds = answer.get("expires_in", ASSUMED_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < _LONGEST:
            raise Problem(faults.ISSUER_UNSUITABLE, "It does not say in seconds how long its token lives.")
        texts = {name: answer.get(name, "") for name in ("refresh_token", "id_token")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise Problem(faults.ISSUER_UNSUITABLE, "It gave a token that is no text.")
        return cls(access_token=token, expires=time.time() + seconds, **texts)


_LONGEST = 10 * 366 * 86_400
"""Ten years: beyond it, it is no lifetime."""


async def discover(url: str, ca_file: str) -> Endpoints:
    """The endpoints of the issuer ``url``. Raises ``ISSUER_UNSUITABLE``, and as ``Connection.send``."""
    answer = await _send("GET", url.rstrip("/") + WELL_KNOWN, ca_file)
    if answer.status != _OK:
        raise Problem(faults.ISSUER_UNSUITABLE, f"{url} answers {answer.status} when asked for its endpoints.")
    document = _object(answer.body)
    if document.get("issuer") != url:
        named = repr(document.get("issuer"))[:TOLD_CHARACTERS]
        raise Problem(faults.ISSUER_UNSUITABLE, f"{url} is asked, and what answers calls itself {named}.")
    methods = document.get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise Problem(faults.ISSUER_UNSUITABLE, f"{url} does not offer PKCE with S256.")
    return Endpoints(
        issuer=url,
        authorization=_endpoint(document, "authorization_endpoint", needed=True),
        token=_endpoint(document, "token_endpoint", needed=True),
        keys=_endpoint(document, "jwks_uri", needed=True),
        device=_endpoint(document, "device_authorization_endpoint"),
        revocation=_endpoint(document, "revocation_endpoint"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


async def post(url: str, form: Mapping[str, str], ca_file: str) -> dict[str, Any]:
    """What the issuer answers to a form. Raises ``Refused``, ``ISSUER_UNSUITABLE``, and as ``Connection.send``."""
    answer = await _send("POST", url, ca_file, urlencode(form).encode())
    if answer.status == _OK:
        return _object(answer.body) if answer.body else {}  # a revocation answers nothing (RFC 7009, 2.2)
    if answer.status >= _FAILED:
        raise Problem(faults.CONNECTION_BROKEN, f"The issuer answers {answer.status}.")
    refusal = _object(answer.body)
    code = refusal.get("error")
    if answer.status not in _REFUSED or not isinstance(code, str) or not code:
        raise Problem(faults.ISSUER_UNSUITABLE, f"{url} answers {answer.status} without saying why.")
    raise Refused(code[:TOLD_CHARACTERS], words(refusal.get("error_description")))


async def read_keys_of(endpoints: Endpoints, ca_file: str) -> bytes:
    """The issuer's key set as it is. Raises ``ISSUER_UNSUITABLE``, and as ``Connection.send``."""
    answer = await _send("GET", endpoints.keys, ca_file)
    if answer.status != _OK:
        raise Problem(faults.ISSUER_UNSUITABLE, f"{endpoints.keys} answers {answer.status} when asked for its keys.")
    return answer.body


def words(text: object) -> str:
    """An issuer's words in one short line; empty where it has none."""
    return " ".join(text.split())[:TOLD_CHARACTERS] if isinstance(text, str) else ""


def require_address(url: object, issuer: str) -> str:
    """``url``, which credentials go to or a browser opens: never less protected than the issuer itself.

    Raises ``ISSUER_UNSUITABLE``.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isascii() and url.isprintable() else None
        if parts is not None and parts.scheme in {"https", urlsplit(issuer).scheme} and not parts.fragment:
            clean_endpoint(f"{parts.scheme}://{parts.netloc}")
            return str(url)
    except (Problem, ValueError):
        pass
    raise Problem(faults.ISSUER_UNSUITABLE, f"{issuer} names {repr(url)[:TOLD_CHARACTERS]}, which is no safe address.")


def _endpoint(document: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    url = document.get(name)
    if url is None and not needed:
        return ""
    return require_address(url, document["issuer"])


async def _send(method: str, url: str, ca_file: str, body: bytes | None = None) -> Answer:
    parts = urlsplit(url)
    target = Target(endpoint=clean_endpoint(f"{parts.scheme}://{parts.netloc}"), ca_file=ca_file)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    outgoing = Outgoing(method=method, raw_path=parts.path or "/", raw_query=parts.query, headers=headers)
    try:
        async with asyncio.timeout(ANSWER_SECONDS), connect(target) as connection:
            answer = await connection.send(outgoing, body)
    except TimeoutError:
        raise Problem(faults.CONNECTION_BROKEN, f"{url} did not answer within {ANSWER_SECONDS:g} s.") from None
    if len(answer.body) > DOCUMENT_MAX_BYTES:
        raise Problem(faults.ISSUER_UNSUITABLE, f"{url} answers more than {DOCUMENT_MAX_BYTES} bytes.")
    return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except ValueError as error:
        raise Problem(faults.ISSUER_UNSUITABLE, f"Its answer cannot be read: {error}.") from error
