"""An issuer's documents over HTTP: discovery and keys, from the configured addresses only.

The addresses come from the settings, except that discovery names the one of the keys. It is believed only on the
issuer's own host and port, and no redirect is followed: else whoever can change one document could have the gateway ask
any address of its network, and take the answer for keys.

Spec: OpenID Connect Discovery 1.0, 3 and 4; RFC 8414, 3.3 (the issuer in the document must be the one asked).
"""

import asyncio
import ssl
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from zotplus.adapters.oidc.keys import KeySet, read_keys
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.adapters.oidc.strict_json import read_object

DOCUMENT_MAX_BYTES = 1 << 20
"""A key set with 64 keys of 8,192 bits and their certificates has about 300 KiB."""

WELL_KNOWN = "/.well-known/openid-configuration"

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "zotplus"}
_READ_BYTES = 65_536
_OK = 200


class Unfetched(Exception):  # noqa: N818 - a state of affairs, told in a sentence
    """The keys could not be had; the text says why and is for logs."""


class KeySource:
    """Where the keys of one issuer come from. ``read`` may be called again and again; one call at a time."""

    def __init__(self, issuer: IssuerSettings) -> None:
        self._issuer = issuer
        self._session: aiohttp.ClientSession | None = None

    async def read(self) -> KeySet:
        """The keys as they are now, within the issuer's timeout. Raises ``Unfetched``."""
        issuer = self._issuer
        if issuer.jwks_file is not None:
            content, place = await asyncio.to_thread(_file, Path(issuer.jwks_file)), issuer.jwks_file
        else:
            try:
                async with asyncio.timeout(issuer.timeout):
                    place = issuer.jwks_url or await self._discovered()
                    content = await self._get(place)
            except TimeoutError:
                raise Unfetched(f"{issuer.url} did not answer within {issuer.timeout:g} s") from None
        try:
            return read_keys(content)
        except ValueError as reason:
            raise Unfetched(f"the keys at {place} cannot be used: {reason}") from None

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _discovered(self) -> str:
        """The address of the keys, by the discovery document."""
        address = self._issuer.url.rstrip("/") + WELL_KNOWN
        try:
            document = read_object(await self._get(address))
        except ValueError as reason:
            raise Unfetched(f"{address} is no discovery document: {reason}") from None
        if document.get("issuer") != self._issuer.url:
            raise Unfetched(f"{address} is of the issuer {document.get('issuer')!r:.200}")
        place = document.get("jwks_uri")
        if not isinstance(place, str) or _origin(place) != _origin(self._issuer.url):
            raise Unfetched(f"its keys are at {place!r:.200}, elsewhere than the issuer; see jwks_url")
        return place

    async def _get(self, address: str) -> bytes:
        try:
            session = await self._opened()
            async with session.get(address, allow_redirects=False) as response:
                if response.status != _OK:
                    raise Unfetched(f"{address} answered {response.status}")
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise Unfetched(f"{address} answered compressed, which was not asked for")
                return await _bounded(response, address)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            if isinstance(failure, TimeoutError):
                raise
            raise Unfetched(f"{address} cannot be reached: {type(failure).__name__} {failure}") from failure

    async def _opened(self) -> aiohttp.ClientSession:
        """Made at the first use, in the worker's own loop. Neither cookies nor the environment's proxies are used."""
        if self._session is None:
            made = partial(ssl.create_default_context, cafile=self._issuer.ca_file)
            context = await asyncio.to_thread(made)  # reads files; OSError where one is not there
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=2, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),  # one limit holds for discovery and keys together
            )
        return self._session


async def _bounded(response: aiohttp.ClientResponse, address: str) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_chunked(_READ_BYTES):
        found += chunk
        if len(found) > DOCUMENT_MAX_BYTES:
            raise Unfetched(f"{address} answered more than {DOCUMENT_MAX_BYTES} bytes")
    return bytes(found)


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_MAX_BYTES + 1)
    except OSError as error:
        raise Unfetched(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > DOCUMENT_MAX_BYTES:
        raise Unfetched(f"{path} has more than {DOCUMENT_MAX_BYTES} bytes")
    return content


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port, or None for what has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return parts.scheme, (parts.hostname or "").lower(), port
