"""One HTTP connection pool to one server. Foreign exceptions end here and become problems."""

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from zotplus.cli import faults
from zotplus.cli.remote.caller import Caller, KeyCaller
from zotplus.cli.remote.target import Target
from zotplus.domain.errors import Problem

Body = bytes | AsyncIterator[bytes] | None
Result = TypeVar("Result")

# Seconds: long enough for a slow link's handshake; and a silent connection is given up after a minute, as S3's own
# clients do (botocore: connect_timeout and read_timeout 60). A whole transfer has no limit.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
_PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=15)
_READ_BUFFER = 1_048_576
_USER_AGENT = f"zotplus/{version('zotplus')}"
# Answers that are not objects (listings, results, problems); S3's largest listing page is below 4 MiB.
_MOST = 16_777_216
ATTEMPTS = 5
_LONGEST_WAIT = 10.0
_FIRST_ERROR, _FIRST_REDIRECT, _NOT_MODIFIED = 400, 300, 304


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request: ``raw_path`` below the endpoint and ``raw_query`` go on the wire as they are.

    A body that is no bytes must come with a Content-Length header.
    """

    method: str
    raw_path: str
    raw_query: str = ""
    headers: Mapping[str, str] = {}
    is_patient: bool = False
    """The answer may take hours, as a scrub's does."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_error(self) -> bool:
        """Whether the status is 400 or above."""
        return self.status >= _FIRST_ERROR


class Connection:
    """Sends requests to ``target``; made by ``connect``."""

    def __init__(self, target: Target, session: aiohttp.ClientSession) -> None:
        self.target = target
        self.caller: Caller = KeyCaller(target)
        self._session = session

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing, body: Body = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer while its body arrives. Redirects are never followed: the credentials would go along.

        Raises ``SERVER_UNREACHABLE``, ``CERTIFICATE_REFUSED``, ``NO_TLS``, ``CONNECTION_BROKEN``,
        ``ANSWER_UNEXPECTED``; errors inside the ``async with`` that come from the connection become
        ``CONNECTION_BROKEN`` as well.
        """
        timeout = _PATIENT if outgoing.is_patient else _TIMEOUT
        query = f"?{outgoing.raw_query}" if outgoing.raw_query else ""
        url = URL(f"{self.target.endpoint}{outgoing.raw_path}{query}", encoded=True)
        try:
            async with self._session.request(
                outgoing.method, url, headers=outgoing.headers, data=body, allow_redirects=False, timeout=timeout
            ) as response:
                _refuse_redirect(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise _problem_of(error, self.target) from error

    async def send(self, outgoing: Outgoing, body: Body = None) -> Answer:
        """The whole answer. Raises as ``stream``, and ``ANSWER_UNEXPECTED`` for an endless one."""
        async with self.stream(outgoing, body) as response:
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > _MOST:
                    raise Problem(faults.ANSWER_UNEXPECTED, "The answer is larger than any that was asked for.")
            return Answer(status=response.status, headers=response.headers, body=bytes(content))


@asynccontextmanager
async def connect(target: Target) -> AsyncIterator[Connection]:
    """A pool for one command. Raises ``FILE_FAILED`` for an unreadable CA file."""
    connector = aiohttp.TCPConnector(limit=0, ssl=_trust(target.ca_file))
    session = aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,  # an object is what was stored, whatever its Content-Encoding says
        read_bufsize=_READ_BUFFER,
        headers={"User-Agent": _USER_AGENT},
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session:
        made = Connection(target, session)
        if target.tokens:
            from zotplus.cli.signin.renewal import SignedIn  # noqa: PLC0415 - it connects to the issuer in its turn

            made.caller = SignedIn(made)
        yield made


async def retried(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """What ``attempt`` returns; tried again where ``is_transient`` says that it can help."""
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except Problem as problem:
            if not is_transient(problem):
                raise
            await pause(number, problem)
    return await attempt()


def is_transient(problem: Problem) -> bool:
    """Whether the same request may succeed a little later."""
    return problem.fault is faults.CONNECTION_BROKEN or problem.fault.retry_after is not None


async def pause(number: int, problem: Problem) -> None:
    """Wait before try ``number`` + 1: doubling from a fifth of a second, with chance in it so that clients spread."""
    least = float(problem.fault.retry_after or 0)
    backoff = 0.2 * 2**number * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
    await asyncio.sleep(min(max(least, backoff), _LONGEST_WAIT))


def _problem_of(error: Exception, target: Target) -> Problem:
    """What a failed exchange means: nobody there, another protocol, or a broken line."""
    where = target.endpoint
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Problem(faults.CERTIFICATE_REFUSED, f"{where}: {error.certificate_error}")
        case aiohttp.ClientConnectorSSLError():
            return Problem(faults.NO_TLS, f"{where}: {getattr(error.os_error, 'reason', error.os_error)}.")
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            reason = os.strerror(number) if number and number > 0 else str(error.os_error)
            return Problem(faults.SERVER_UNREACHABLE, f"{where}: {reason}")
        case aiohttp.ClientResponseError():
            return Problem(faults.ANSWER_UNEXPECTED, f"{where} does not speak HTTP.")
        case aiohttp.ServerDisconnectedError():
            hint = " It may want https://." if target.scheme == "http" else ""
            return Problem(faults.CONNECTION_BROKEN, f"{where} closed the connection without an answer.{hint}")
        case _:
            return Problem(faults.CONNECTION_BROKEN, f"{where}: {str(error) or type(error).__name__}")


def _trust(ca_file: str) -> ssl.SSLContext | bool:
    if not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Problem(faults.FILE_FAILED, f"The CA file {ca_file} cannot be read: {error}.") from error


def _refuse_redirect(response: aiohttp.ClientResponse) -> None:
    if _FIRST_REDIRECT <= response.status < _FIRST_ERROR and response.status != _NOT_MODIFIED:
        to = response.headers.get("Location", "another address")
        raise Problem(
            faults.ANSWER_UNEXPECTED, f"The server redirects to {to}, which is not followed with credentials."
        )
