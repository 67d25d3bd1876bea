"""Sends events to endpoints: one POST for each attempt, signed, to a judged address, without redirects or proxies.

Spec: Standard Webhooks 1.0 (headers ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``; success is 2xx);
CloudEvents HTTP binding 1.0, 3.2 (structured content mode); RFC 9110, 10.2.3 (Retry-After).
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import aiohttp

from zotplus.adapters.sealing_aead.secret_files import read_secret_file
from zotplus.adapters.webhooks.addresses import GuardedResolver
from zotplus.adapters.webhooks.settings import WebhookSettings
from zotplus.domain import errors
from zotplus.domain.dates import parse_http_date
from zotplus.domain.errors import Problem
from zotplus.domain.storage.messages import Event, cloud_event_body, s3_body, secret_bytes, signature
from zotplus.ports.webhooks import Delivered, Undelivered

_CONTENT_TYPES = {"s3": "application/json", "cloudevents": "application/cloudevents+json"}
_REASON_MAX = 300
_SUCCESS = range(200, 300)


class HttpWebhooks:
    """Implements ``ports.webhooks.Webhooks``.

    Each endpoint has connections of its own, so that a slow one costs the others nothing. Raises ``SETTING_INVALID``
    where a secret file cannot be used.
    """

    def __init__(self, endpoints: Sequence[WebhookSettings]) -> None:
        self._endpoints = {one.name: _Endpoint(one) for one in endpoints}

    async def send(self, name: str, event: Event) -> Delivered | Undelivered:
        """See ``Webhooks.send``."""
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            return Undelivered(f"events.webhooks names no {name}")
        try:
            async with asyncio.timeout(endpoint.settings.timeout):
                return await endpoint.post(event)
        except TimeoutError:
            return Undelivered(f"no answer within {endpoint.settings.timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            cause = failure.os_error if isinstance(failure, aiohttp.ClientConnectorError) else failure
            return Undelivered(f"{type(failure).__name__}: {cause}"[:_REASON_MAX])

    async def close(self) -> None:
        """See ``Webhooks.close``."""
        for endpoint in self._endpoints.values():
            await endpoint.close()


class _Endpoint:
    """One endpoint: its secrets, and its connections, made at the first use."""

    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        self._secret = _read_secret(settings)
        self._authorization = _read_authorization(settings)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, event: Event) -> Delivered | Undelivered:
        """One attempt. Raises ``aiohttp.ClientError``, ``OSError``, ``ValueError``."""
        session = await self._opened()
        body = cloud_event_body(event) if self.settings.format == "cloudevents" else s3_body(event)
        async with session.post(
            self.settings.url, data=body, headers=self._headers(event, body), allow_redirects=False
        ) as response:
            if response.status in _SUCCESS:
                return Delivered()
            wait = _retry_after(response.headers.get("Retry-After", ""), time.time())
            return Undelivered(f"answered {response.status}", wait)

    def _headers(self, event: Event, body: bytes) -> dict[str, str]:
        sent = int(time.time())
        headers = {
            "Content-Type": _CONTENT_TYPES[self.settings.format],
            "webhook-id": event.id,
            "webhook-timestamp": str(sent),
        }
        if self._secret is not None:
            headers["webhook-signature"] = signature(self._secret, event.id, sent, body)
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        return headers

    async def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            made = partial(ssl.create_default_context, cafile=self.settings.ca_file)
            context = await asyncio.to_thread(made)  # reads files; OSError where one is not there
            if self._session is None:  # another key's event may have come first
                self._session = self._made(context)
        return self._session

    def _made(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        """Neither cookies nor the environment's proxies are used, and names are resolved for each connection."""
        connector = aiohttp.TCPConnector(
            ssl=context,
            limit=self.settings.concurrency,
            resolver=GuardedResolver(self.settings.reach),
            use_dns_cache=False,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "zotplus"},
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),  # one limit holds for the whole attempt
        )

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _read_secret(settings: WebhookSettings) -> bytes | None:
    if settings.secret_file is None:
        return None
    try:
        return secret_bytes(read_secret_file(Path(settings.secret_file)).strip())
    except ValueError as reason:
        raise Problem(
            errors.SETTING_INVALID, f"The secret of the webhook {settings.name} is not usable: {reason}."
        ) from None


def _read_authorization(settings: WebhookSettings) -> str | None:
    if settings.authorization_file is None:
        return None
    text = read_secret_file(Path(settings.authorization_file)).strip()
    if not text.isprintable() or not text.isascii():
        raise Problem(
            errors.SETTING_INVALID, f"The authorization of the webhook {settings.name} must be one line of ASCII."
        )
    return text


def _retry_after(text: str, now: float) -> float:
    """The seconds that ``Retry-After`` asks for; 0 where it is missing or makes no sense."""
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004 - thirty years
        return float(text)
    moment = parse_http_date(text)
    return max(0.0, moment - now) if moment is not None else 0.0
