"""A local issuer at which people log in: code flow with PKCE, device flow, refresh tokens that rotate, revocation.

It lets everybody in as alice and is strict with the client. ``mistakes`` change what it answers: names of claims and of
fields of the token answer to their wrong values, None leaves one out.
"""

import asyncio
import hashlib
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from urllib.parse import urlencode

from aiohttp import encode_basic_auth, web

from tests.issuers.local import AUDIENCE, PATH, LocalIssuer

CLIENT = "zotplus-cli"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def s256(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def changed(fields: dict, changes: dict) -> dict:
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


class LoginIssuer(LocalIssuer):
    """``forms`` are what clients sent, by path. ``waits`` are the device flow's refusals before it is approved."""

    def __init__(self):
        super().__init__()
        self.forms: list[tuple[str, dict]] = []
        self.seconds = 300
        self.person: dict = {}
        self.claims: dict = {}
        self.fields: dict = {}
        self.query: dict = {}
        self.discovered: dict = {}
        self.waits: list[str] = []
        self.interval: object = 0
        self.refuses_refresh = False
        self.live: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.codes: dict[str, dict] = {}
        self.devices: dict[str, dict] = {}

    def discovery(self) -> dict:
        own = {
            "device_authorization_endpoint": f"{self.url}/device",
            "revocation_endpoint": f"{self.url}/revoke",
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return changed({**super().discovery(), **own}, self.discovered)

    def sent(self, path: str) -> list[dict]:
        return [form for at, form in self.forms if at == PATH + path]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        serve = {
            f"{PATH}/auth": self._authorize,
            f"{PATH}/token": self._token,
            f"{PATH}/device": self._device,
            f"{PATH}/revoke": self._revoke,
        }.get(request.path)
        if serve is None or request.path in self.answers:
            return await super()._answer(request)
        self.requests.append(request.path)
        form = dict(request.query) if request.method == "GET" else dict(await request.post())
        self.forms.append((request.path, form))
        return await serve(form)

    async def _authorize(self, form: dict) -> web.Response:
        assert form["response_type"] == "code"
        assert form["client_id"] == CLIENT
        assert form["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = form
        answer = changed({"code": code, "state": form["state"], "iss": self.url}, self.query)
        return web.Response(status=302, headers={"Location": f"{form['redirect_uri']}?{urlencode(answer)}"})

    async def _device(self, form: dict) -> web.Response:
        if self.fields.get("error"):
            return web.json_response(self.fields, status=400)
        code = secrets.token_urlsafe(8)
        self.devices[code] = form
        answer = {
            "device_code": code,
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.url}/enter",
            "verification_uri_complete": f"{self.url}/enter?code=ABCD-EFGH",
            "expires_in": 60,
            "interval": self.interval,
        }
        return web.json_response(changed(answer, self.fields))

    async def _token(self, form: dict) -> web.Response:
        grants = {"authorization_code": self._by_code, "refresh_token": self._by_refresh, DEVICE_GRANT: self._by_device}
        return grants[form["grant_type"]](form)

    def _by_code(self, form: dict) -> web.Response:
        asked = self.codes.pop(form["code"], None)
        proves = asked is not None and s256(form["code_verifier"]) == asked["code_challenge"]
        if not proves or form["redirect_uri"] != asked["redirect_uri"]:
            return refusal("invalid_grant", "Code not valid")
        return self._granted({"nonce": asked["nonce"]})

    def _by_device(self, form: dict) -> web.Response:
        if self.waits:
            return refusal(self.waits.pop(0), "")
        asked = self.devices.pop(form["device_code"])
        assert s256(form["code_verifier"]) == asked["code_challenge"]
        return self._granted({})

    def _by_refresh(self, form: dict) -> web.Response:
        if self.refuses_refresh or form["refresh_token"] not in self.refresh_tokens:
            return refusal("invalid_grant", "Token is not active")
        self.refresh_tokens.remove(form["refresh_token"])  # it may be used once
        return self._granted({})

    async def _revoke(self, form: dict) -> web.Response:
        self.refresh_tokens.discard(form["token"])
        self.live.clear()
        return web.Response()

    def _granted(self, claims: dict) -> web.Response:
        now = int(time.time())
        person = {"iss": self.url, "sub": "alice", "aud": AUDIENCE, "azp": CLIENT, **self.person}
        access = self.mint({**person, "iat": now, "exp": now + self.seconds, "jti": secrets.token_hex(4)})
        refresh = secrets.token_urlsafe(16)
        self.live.add(access)
        self.refresh_tokens.add(refresh)
        whole = {"iss": self.url, "sub": "alice", "aud": CLIENT, "iat": now, "exp": now + 60, "typ": "ID", **claims}
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.seconds,
            "refresh_token": refresh,
            "id_token": self.mint(changed(whole, self.claims)),
        }
        return web.json_response(changed(answer, self.fields))


def refusal(code: str, told: str) -> web.Response:
    return web.json_response({"error": code, "error_description": told}, status=400)


class Server:
    """What a gateway has for somebody who logs in, in the barest form: it knows the issuer's live access tokens."""

    def __init__(self, issuer: LoginIssuer):
        self.issuer = issuer
        self.url = ""
        self.offers: list[dict] = []
        self.sts: list[dict] = []
        self.sts_answer: tuple[int, str] | None = None
        self.seen: list[tuple[str, object, str]] = []
        self.keys: dict[str, str] = {}
        self.whoami_status = 200

    async def up(self) -> None:
        app = web.Application()
        app.router.add_get("/api/v1/login", self._login)
        app.router.add_get("/api/v1/whoami", self._whoami)
        app.router.add_get("/auth/token", self._registry_token)
        app.router.add_post("/sts", self._sts)
        app.router.add_get("/s3/", self._buckets)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.offers = [self.offer()]

    async def down(self) -> None:
        await self._runner.cleanup()

    def offer(self, **changes) -> dict:
        own = {"name": "local", "url": self.issuer.url, "client_id": CLIENT, "scopes": ["openid"], "device": True}
        return {**own, **changes}

    async def _login(self, _: web.Request) -> web.Response:
        return web.json_response({"issuers": self.offers})

    async def _whoami(self, request: web.Request) -> web.Response:
        if self.whoami_status != 200:
            return web.Response(status=self.whoami_status)
        header = request.headers.get("Authorization", "")
        for name, secret in self.keys.items():
            if header == encode_basic_auth(name, secret):
                return web.json_response({"id": name, "kind": "key", "name": name})
        scheme, _, token = header.partition(" ")
        if scheme == "Bearer" and token in self.issuer.live:
            return web.json_response({"id": "user:local:alice", "kind": "user", "name": "alice"})
        problem = {"status": 401, "title": "no", "detail": "The token is refused.", "code": "token_invalid"}
        return web.json_response(problem, status=401)

    async def _registry_token(self, request: web.Request) -> web.Response:
        self.seen.append(("/auth/token", list(request.query.items()), request.headers.get("Authorization", "")))
        return web.json_response({"token": "of-the-registry"})

    async def _buckets(self, request: web.Request) -> web.Response:
        self.seen.append(("/s3/", request.headers.get("x-amz-security-token", ""), request.headers["Authorization"]))
        listing = "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>"
        return web.Response(text=listing, content_type="application/xml", headers={"x-amz-request-id": "1"})

    async def _sts(self, request: web.Request) -> web.Response:
        self.sts.append(dict(await request.post()))
        if self.sts_answer is not None:
            status, text = self.sts_answer
            return web.Response(status=status, text=text, content_type="text/xml")
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        keys = (
            f"<AccessKeyId>ZS{len(self.sts)}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            f"<SessionToken>session</SessionToken><Expiration>{ends}</Expiration>"
        )
        text = (
            '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>"
        )
        return web.Response(text=text, content_type="text/xml")


@contextmanager
def serving():
    """Issuer and server in a thread of their own: commands bring their own loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    issuer = LoginIssuer()
    server = Server(issuer)
    run(issuer.up())
    run(server.up())
    try:
        yield issuer, server, run
    finally:
        run(server.down())
        run(issuer.down())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
