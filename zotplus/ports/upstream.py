"""The OCI registry behind the gateway.

What is special to one product (where its answers or side effects differ from the distribution specification) stays
behind this port: a face forwards and asks, and never names a product.
"""

from collections.abc import AsyncIterator
from typing import Protocol, TypeAlias

import msgspec

Headers: TypeAlias = tuple[tuple[str, str], ...]


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request: ``target`` is path and query, canonical and percent-encoded; ``headers`` are all end-to-end ones.

    ``body`` is sent as it comes. Where ``headers`` has a Content-Length it is kept, also for a stream; a stream
    without one goes chunked.
    """

    method: str
    target: str
    headers: Headers = ()
    body: AsyncIterator[bytes] | bytes | None = None


class RelayConnection(Protocol):
    """An open exchange whose remaining body the kernel may move to another socket."""

    def fileno(self) -> int:
        """The non-blocking socket; reading from it yields the rest of the body and nothing else."""
        ...

    def finish(self, clean: bool) -> None:  # noqa: FBT001 - one flag, named at the call
        """End the exchange; ``clean`` when exactly the announced bytes were read, so that the socket may serve again.

        Idempotent.
        """
        ...


class OpenBody(msgspec.Struct, frozen=True, kw_only=True):
    """A body that is still in a socket: ``prefix`` was read already; ``length`` bytes in all, ``prefix`` included."""

    connection: RelayConnection
    prefix: bytes
    length: int


class UpstreamReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: ``headers`` as received, without hop-by-hop ones. ``Location`` never names the upstream's own address.

    A stream is read to its end or closed with ``aclose``; only then is its connection free again. ``length`` is the
    Content-Length in bytes where the upstream told it (also of a HEAD, whose body is empty).
    """

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes] | OpenBody = b""
    length: int | None = None


class UpstreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the upstream is: ``product`` (``zot``, ``registry``, ``unknown``), its ``version`` where told, abilities.

    ``referrers`` says whether it has the referrers API; clients without it fall back to tags by themselves.
    """

    product: str
    version: str
    referrers: bool


class Upstream(Protocol):
    """Raises ``UPSTREAM_MISSING`` (none configured), ``UPSTREAM_UNAVAILABLE`` (no connection), ``UPSTREAM_FAILED``.

    An answer of 500 and above, and a redirection, is ``UPSTREAM_FAILED``; every other answer comes back as it is.
    """

    def require(self) -> None:
        """Raise ``UPSTREAM_MISSING`` when no upstream is configured; says nothing about whether it answers."""
        ...

    async def exchange(self, request: UpstreamRequest) -> UpstreamReply:
        """Send one request and read the head of the answer. Problems raised by its body come out unchanged."""
        ...

    async def open_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """As ``exchange``, for a GET with a large answer, which may come as an ``OpenBody``."""
        ...

    async def head_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """Answer a HEAD of a blob without any effect on the repository.

        Some registries link a blob that another repository holds when it is asked for by HEAD: asking must not give.
        """
        ...

    async def holds_blob(self, repository: str, digest: str) -> bool:
        """Whether ``repository`` itself holds the blob; without any effect on it."""
        ...

    async def status(self) -> UpstreamStatus:
        """What the upstream is, as far as is known; it is asked from time to time. Raises as above."""
        ...

    async def check(self) -> None:
        """Prove that the upstream answers now (readiness). Raises as above."""
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...
