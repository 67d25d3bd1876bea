"""The body of a request: a bounded stream that answers ``Expect: 100-continue`` only when somebody wants to read it."""

from collections.abc import AsyncIterator
from typing import Protocol


class RequestBody(Protocol):
    """The bytes that follow a head. Nothing is read, and no 100 is sent, before the first ``chunks`` or ``read``."""

    length: int | None
    """Content-Length in bytes, None for a chunked transfer."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The content as it arrives. Raises ``BODY_INCOMPLETE`` at an early end, ``REQUEST_TIMEOUT`` on idling."""
        ...

    async def read(self, limit: int) -> bytes:
        """The whole content. Raises ``BODY_TOO_LARGE`` above ``limit`` bytes, and as ``chunks``."""
        ...


class NoBody:
    """The body of a request that has none."""

    length: int | None = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """Nothing."""
        none: tuple[bytes, ...] = ()
        for chunk in none:
            yield chunk

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - nothing is never too much
        """Nothing."""
        return b""


NO_BODY = NoBody()
