"""A small transit engine that keeps to Vault's HTTP API: logins, keys with versions, associated data, its errors."""

import base64
import os
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


@dataclass
class Transit:
    """What the engine holds, and what it was asked."""

    url: str = ""
    keys: dict = field(default_factory=lambda: {"backups": [os.urandom(32)]})
    tokens: set = field(default_factory=lambda: {"good"})
    jwt: str = "pod"
    lease: int = 3600
    logins: int = 0
    asked: list = field(default_factory=list)
    broken: web.Response | None = None

    def rotate(self, name):
        self.keys[name].append(os.urandom(32))

    def application(self):
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v1/auth/kubernetes/login", self._log_in)
        app.router.add_post("/v1/transit/encrypt/{name}", self._encrypt)
        app.router.add_post("/v1/transit/decrypt/{name}", self._decrypt)
        app.router.add_get("/v1/transit/keys/{name}", self._read)
        return app

    @property
    def _guard(self):
        @web.middleware
        async def guard(request, handler):
            self.asked.append((request.path, request.headers.get("X-Vault-Namespace")))
            if self.broken is not None:
                return self.broken
            if "/auth/" not in request.path and request.headers.get("X-Vault-Token") not in self.tokens:
                return refusal(403, "permission denied")
            return await handler(request)

        return guard

    async def _log_in(self, request):
        body = await request.json()
        if body != {"role": "zotplus", "jwt": self.jwt}:
            return refusal(403, "permission denied")
        self.logins += 1
        token = f"login-{self.logins}"
        self.tokens.add(token)
        return web.json_response({"auth": {"client_token": token, "lease_duration": self.lease}})

    async def _encrypt(self, request):
        name, body = request.match_info["name"], await request.json()
        # Vault makes a key on the first encrypt where the policy allows "create"; ours does not.
        if name not in self.keys:
            return refusal(400, "encryption key not found")
        versions, nonce = self.keys[name], os.urandom(12)
        sealed = AESGCM(versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), associated(body))
        return data(ciphertext=f"vault:v{len(versions)}:{base64.b64encode(nonce + sealed).decode()}")

    async def _decrypt(self, request):
        name, body = request.match_info["name"], await request.json()
        if name not in self.keys:
            return refusal(400, "encryption key not found")
        try:
            _, version, text = body["ciphertext"].split(":")
            raw = base64.b64decode(text)
            plain = AESGCM(self.keys[name][int(version[1:]) - 1]).decrypt(raw[:12], raw[12:], associated(body))
        except (ValueError, IndexError):
            return refusal(400, "invalid ciphertext: no prefix")
        except InvalidTag:
            return refusal(400, "cipher: message authentication failed")
        return data(plaintext=base64.b64encode(plain).decode())

    async def _read(self, request):
        name = request.match_info["name"]
        return data(latest_version=len(self.keys[name])) if name in self.keys else refusal(404)


def associated(body):
    return base64.b64decode(body.get("associated_data", ""))


def data(**fields):
    return web.json_response({"request_id": "1", "data": fields})


def refusal(status, *reasons):
    return web.json_response({"errors": list(reasons)}, status=status)


@pytest.fixture
async def transit():
    engine = Transit()
    runner = web.AppRunner(engine.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    engine.url = f"http://{host}:{port}"
    yield engine
    await runner.cleanup()
