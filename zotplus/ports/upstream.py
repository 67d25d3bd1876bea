"""The OCI registry behind the gateway."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec


class UpstreamReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: ``headers`` as received without hop-by-hop ones; exactly one of ``body`` (small, whole) and ``stream``."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    stream: object | None = None
    length: int | None = None


class UpstreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the upstream is: ``product`` (``zot``, ``registry``, ``unknown``), its ``version`` where told, and abilities."""

    product: str
    version: str
    referrers: bool


class Upstream(Protocol):
    """Raises ``UPSTREAM_MISSING`` (none configured), ``UPSTREAM_UNAVAILABLE`` (no connection), ``UPSTREAM_FAILED``."""

    async def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: AsyncIterator[bytes] | bytes | None
    ) -> UpstreamReply:
        """Send one request (``target`` is path and query, already canonical) and read the head of the answer."""
        ...

    async def status(self) -> UpstreamStatus:
        """Probe ``/v2/``. Raises as above."""
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...
