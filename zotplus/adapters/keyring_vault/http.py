"""Requests to Vault: logged in, bounded in time and size, without redirects, cookies or the environment's proxies.

Spec: Vault HTTP API, "X-Vault-Token", "X-Vault-Namespace", "X-Vault-Request", error responses; "Kubernetes auth
method", Login.
"""

import asyncio
import ssl
import time
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from zotplus.adapters.keyring_vault.settings import VaultSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem

_ANSWER_MAX_BYTES = 1 << 20
_TOKEN_MAX_BYTES = 65_536
_CONNECTIONS = 16
_OK = 200
_NO_CONTENT = 204
_FORBIDDEN = 403
_RENEW_AT = 0.75  # of its lease, a login is replaced
_FILE_SECONDS = 60.0  # how long a token from a file is used before the file is read again


class VaultRefusal(Exception):  # noqa: N818 - an answer, told by its status
    """Vault answered with an error; ``reasons`` are its own words, which are not for clients."""

    def __init__(self, status: int, reasons: tuple[str, ...]) -> None:
        super().__init__(status)
        self.status = status
        self.reasons = reasons


class VaultHttp:
    """One worker's connections to Vault."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._login: tuple[float, str] | None = None
        self._logging_in = asyncio.Lock()

    async def ask(self, path: str, content: bytes | None) -> dict[str, Any]:
        """The answer to a POST of ``content``, or a GET without. Raises ``VaultRefusal``, ``KMS_UNAVAILABLE``."""
        await asyncio.sleep(0)  # a read that is tried without a task stops here, and is begun again in one
        token = await self._token()
        try:
            return await self._send(path, content, token)
        except VaultRefusal as refusal:
            if refusal.status != _FORBIDDEN or self._settings.token is not None:
                raise
        self._login = None  # the token may have ended before its time: log in once more
        return await self._send(path, content, await self._token())

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _token(self) -> str:
        settings = self._settings
        if settings.token is not None:
            return settings.token
        async with self._logging_in:
            if self._login is None or time.monotonic() > self._login[0]:
                self._login = await self._log_in()
            return self._login[1]

    async def _log_in(self) -> tuple[float, str]:
        """Until when (monotonic seconds) and the token."""
        settings = self._settings
        if settings.token_file is not None:
            return time.monotonic() + _FILE_SECONDS, await asyncio.to_thread(_read_token, settings.token_file)
        jwt = await asyncio.to_thread(_read_token, settings.jwt_file)
        body = msgspec.json.encode({"role": settings.kubernetes_role, "jwt": jwt})
        path = f"/v1/auth/{settings.kubernetes_mount.strip('/')}/login"
        try:
            answer = await self._send(path, body, None)
        except VaultRefusal as refusal:
            raise Problem(errors.KMS_REFUSED, f"The key service refused the login ({refusal.status}).") from None
        found = answer.get("auth")
        token = found.get("client_token") if isinstance(found, dict) else None
        lease = found.get("lease_duration") if isinstance(found, dict) else None
        if not isinstance(token, str) or not isinstance(lease, int):
            raise Problem(errors.KMS_UNAVAILABLE, "The key service gave no usable answer to the login.")
        return time.monotonic() + max(1, lease) * _RENEW_AT, token

    async def _send(self, path: str, content: bytes | None, token: str | None) -> dict[str, Any]:
        settings = self._settings
        headers = {"X-Vault-Request": "true", "Content-Type": "application/json"}
        if token is not None:
            headers["X-Vault-Token"] = token
        if settings.namespace is not None:
            headers["X-Vault-Namespace"] = settings.namespace
        method = "GET" if content is None else "POST"
        try:
            async with asyncio.timeout(settings.timeout):
                session = await self._opened()
                address = settings.url.rstrip("/") + path
                async with session.request(
                    method, address, data=content, headers=headers, allow_redirects=False
                ) as response:
                    return _answer(response.status, await _bounded(response))
        except (aiohttp.ClientError, OSError, ValueError) as failure:  # TimeoutError is an OSError
            raise Problem(
                errors.KMS_UNAVAILABLE, f"The key service cannot be reached: {type(failure).__name__}."
            ) from None

    async def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            made = partial(ssl.create_default_context, cafile=self._settings.ca_file)
            context = await asyncio.to_thread(made)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "zotplus"},
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),  # ``_send`` has one for all
            )
        return self._session


def _answer(status: int, content: bytes) -> dict[str, Any]:
    """The document of an answer. Raises ``VaultRefusal``, ``ValueError`` for what is no JSON object."""
    try:
        document = msgspec.json.decode(content) if content else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = {}
    if status not in {_OK, _NO_CONTENT}:
        reasons = document.get("errors") if isinstance(document, dict) else None
        raise VaultRefusal(status, tuple(map(str, reasons)) if isinstance(reasons, list) else ())
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - it is the sender's mistake
    return document


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_chunked(_TOKEN_MAX_BYTES):
        found += chunk
        if len(found) > _ANSWER_MAX_BYTES:
            raise ValueError("the answer is too long")
    return bytes(found)


def _read_token(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_TOKEN_MAX_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(errors.KMS_UNAVAILABLE, "The token for the key service cannot be read from its file.") from error
