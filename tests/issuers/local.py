"""An OpenID Connect issuer on 127.0.0.1: discovery, keys that rotate, tokens of any shape, and every kind of bad day.

``async with LocalIssuer() as issuer`` serves; ``issuer.mint(claims)`` signs with its newest key. ``down`` and ``up``
take it away and bring it back at the same address. Tests that need another answer put it into ``answers`` by path.
"""

import asyncio
import json
from functools import cache
from typing import Self

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

PATH = "/realms/test"
DISCOVERY = PATH + "/.well-known/openid-configuration"
KEYS = PATH + "/keys"
AUDIENCE = "zotplus"


@cache
def key(kind: str, number: int = 0):
    """A key pair. Making an RSA key takes a while, so that each is made once for all tests of a process."""
    if kind == "RSA":
        return RSAKey.generate_key(2048)
    if kind == "Ed25519":
        return OKPKey.generate_key("Ed25519")
    return ECKey.generate_key(kind)


def public(pair, **parameters) -> dict:
    return {**pair.as_dict(private=False), "use": "sig", **parameters}


class LocalIssuer:
    """``keys`` are (key id, algorithm, key pair), the newest last; ``requests`` are the paths asked for so far."""

    def __init__(self, *, kind: str = "P-256", algorithm: str = "ES256") -> None:
        self.kind, self.algorithm = kind, algorithm
        self.keys = [("key-0", algorithm, key(kind))]
        self.requests: list[str] = []
        self.answers: dict[str, object] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + PATH

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_) -> None:
        await self.down()

    async def up(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with a new key from now on; the former stay published unless ``keep`` is False."""
        number = int(self.keys[-1][0].removeprefix("key-")) + 1
        made = (f"key-{number}", self.algorithm, key(self.kind, number))
        self.keys = [*(self.keys if keep else []), made]

    def jwks(self) -> bytes:
        published = [public(pair, kid=key_id, alg=algorithm) for key_id, algorithm, pair in self.keys]
        return json.dumps({"keys": published}).encode()

    def discovery(self) -> dict:
        return {
            "issuer": self.url,
            "jwks_uri": self.origin + KEYS,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "id_token_signing_alg_values_supported": [self.algorithm],
        }

    def mint(self, claims: dict, **header) -> str:
        """A token of exactly ``claims``, signed with the newest key; ``header`` changes names, None removes one."""
        key_id, algorithm, pair = self.keys[-1]
        names = {"alg": algorithm, "typ": "JWT", "kid": key_id, **header}
        kept = {name: value for name, value in names.items() if value is not None}
        registry = jwt.JWSRegistry(strict_check_header=False, algorithms=[kept["alg"]])
        registry.max_header_length = 65_536
        return jwt.encode(kept, claims, pair, registry=registry)

    def asked(self, path: str = KEYS) -> int:
        return self.requests.count(path)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        given = self.answers.get(request.path)
        if callable(given):
            return await given(request)
        if isinstance(given, bytes):
            return web.Response(body=given, content_type="application/json")
        if request.path == DISCOVERY:
            return web.json_response(self.discovery())
        if request.path == KEYS:
            return web.Response(body=self.jwks(), content_type="application/json")
        return web.Response(status=404)


async def never(_: web.Request) -> web.StreamResponse:
    """An answer that does not come while a test runs."""
    await asyncio.sleep(30)
    return web.Response()


def drip(chunk: bytes):
    """An answer that begins at once and never ends, a little at a time."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(chunk)
            await asyncio.sleep(0.01)  # it is slow on purpose

    return answer


def endless(request_size: int = 1 << 16):
    """An answer that sends as fast as it can."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * request_size)

    return answer


def redirect(to: str):
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": to})

    return answer
