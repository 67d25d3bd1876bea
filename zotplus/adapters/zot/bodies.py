"""Bodies on their way to and from the upstream, piece by piece."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import OpenBody, UpstreamReply


class SentBody:
    """A request body on its way up.

    It keeps the idle limit moving, remembers the problem that its source raised, and can be given up while it waits.
    It can be iterated once: a client that wants to send it again gets ``UPSTREAM_UNAVAILABLE``.
    """

    def __init__(self, source: AsyncIterator[bytes], length: int | None, idle_timeout: float) -> None:
        self.limit: asyncio.Timeout | None = None
        self.problem: Problem | None = None
        self._source = source
        self._length = length
        self._sent = 0
        self._ended = False
        self._idle_timeout = idle_timeout
        self._sender: asyncio.Task[object] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    @property
    def complete(self) -> bool:
        """Whether all of it was handed to the connection."""
        return self._ended or self._sent == self._length

    def give_up(self) -> None:
        """Stop sending; the connection is closed by its sender. Does nothing when all is sent."""
        if not self.complete and self._sender is not None:
            self._sender.cancel()

    async def _chunks(self) -> AsyncIterator[bytes]:
        if self._sender is not None:
            self.problem = Problem(errors.UPSTREAM_UNAVAILABLE, "The registry closed the connection under an upload.")
            raise self.problem
        self._sender = asyncio.current_task()
        try:
            async for chunk in self._source:
                self._progress()
                self._sent += len(chunk)
                yield chunk
                self._progress()
        except Problem as problem:
            self.problem = problem
            raise
        self._ended = True

    def _progress(self) -> None:
        if self.limit is not None and not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time() + self._idle_timeout)


class ReceivedBody:
    """The body of an answer, as it arrives. Closing it before its end closes its connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> "ReceivedBody":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            self._response.close()
            raise broken(failure) from failure
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


async def read_whole(reply: UpstreamReply, limit: int) -> bytes:
    """The body, at most ``limit`` bytes of it. Raises ``UPSTREAM_FAILED`` for more."""
    if isinstance(reply.body, bytes):
        return reply.body
    if isinstance(reply.body, OpenBody):
        raise TypeError("an open body is moved, not read")
    pieces: list[bytes] = []
    size = 0
    try:
        async for chunk in reply.body:
            size += len(chunk)
            if size > limit:
                raise Problem(errors.UPSTREAM_FAILED, f"The registry's answer has more than {limit} bytes.")
            pieces.append(chunk)
    finally:
        await drop(reply)
    return b"".join(pieces)


async def drop(reply: UpstreamReply) -> None:
    """Release what ``reply`` holds open."""
    if isinstance(reply.body, OpenBody):
        reply.body.connection.finish(clean=False)
    elif isinstance(reply.body, ReceivedBody):
        await reply.body.aclose()


def broken(failure: BaseException) -> Problem:
    """What a failed connection is to the client."""
    if isinstance(failure, TimeoutError):
        return Problem(errors.UPSTREAM_UNAVAILABLE, "The registry was silent for too long.")
    return Problem(errors.UPSTREAM_UNAVAILABLE, "The connection to the registry was refused or broke.")
