"""The parsed head of a request, as every step of the pipeline sees it: a value, not an aiohttp object."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from multidict import CIMultiDictProxy


class Listener(StrEnum):
    """Which socket the request came in by."""

    MAIN = "main"
    S3 = "s3"


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """A request's head.

    ``raw_path`` and ``raw_query`` are as received: percent-encoded, undecoded and unnormalised (``raw_query`` without
    the ``?``). ``peer`` is the client's address after trusted proxies are taken into account, ``scheme`` ``http`` or
    ``https`` likewise, ``host`` the Host header or the trusted forwarded host. ``certificate`` is the name of the
    operator whose client certificate the connection was made with (``identity.operators``), empty without one; no
    header can set it. ``raw_headers`` are names and values as received, where that is known. ``tls_version`` is that of
    the client's connection (``1.3``), empty without TLS and behind a proxy.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: CIMultiDictProxy[str]
    peer: str
    scheme: str
    host: str
    listener: Listener = Listener.MAIN
    certificate: str = ""
    raw_headers: Sequence[tuple[bytes, bytes]] = ()
    tls_version: str = ""

    @property
    def agent(self) -> str:
        """What the client says it is; empty where it does not."""
        return self.headers.get("User-Agent", "")
