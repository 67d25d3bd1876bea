"""Syslog messages. Spec: RFC 5424 (format), RFC 5426 (UDP), RFC 6587 3.4.1 (TCP, octet counting), RFC 5425 (TLS)."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from zotplus.adapters.audit.outputs.message import Message, shortened

_APP = "zotplus"
_DATAGRAM_MAX = 60_000
"""Below what UDP carries over IPv4 (65,507 bytes) and what a UNIX socket takes by default (208 KiB)."""
_STREAM_MAX = 262_144
"""Far above any record; receivers cut at sizes of their own."""
_TIMEOUT_SECONDS = 10.0


class DatagramOutput:
    """Over UDP or a UNIX socket: a message a datagram. Implements ``Output``."""

    def __init__(self, to: str, facility: int) -> None:
        self._parts = urlsplit(to)
        self._facility = facility

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Output.send``. What is lost on the way nobody learns: that is UDP's nature."""
        await asyncio.to_thread(self._send, messages)

    async def close(self) -> None:
        """Nothing is open."""

    def _send(self, messages: Sequence[Message]) -> None:
        with self._connected() as connected:
            for message in messages:
                connected.send(formatted(message, self._facility, _DATAGRAM_MAX))

    def _connected(self) -> socket.socket:
        if self._parts.scheme == "unix":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            address: object = self._parts.path
        else:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._parts.hostname, self._parts.port, type=socket.SOCK_DGRAM
            )[0]
            made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(_TIMEOUT_SECONDS)
            made.connect(address)  # type: ignore[arg-type] # a path, or what getaddrinfo gave
        except BaseException:
            made.close()
            raise
        return made


class StreamOutput:
    """Over TCP or TLS: one connection, each message behind its length. Implements ``Output``."""

    def __init__(self, to: str, facility: int) -> None:
        self._parts = urlsplit(to)
        self._facility = facility
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Output.send``. Taken is what the receiver's system has taken: TCP tells no more."""
        frames = [formatted(message, self._facility, _STREAM_MAX) for message in messages]
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                writer = await self._connected()
                writer.writelines(b"%d %s" % (len(frame), frame) for frame in frames)
                await writer.drain()
        except (OSError, TimeoutError) as error:
            await self.close()
            raise OSError(f"{self._parts.netloc}: {str(error) or 'no answer'}") from error

    async def close(self) -> None:
        """See ``Output.close``."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await writer.wait_closed()

    async def _connected(self) -> asyncio.StreamWriter:
        if self._reader is not None and self._reader.at_eof():  # the receiver was started anew
            await self.close()
        if self._writer is None:
            context = ssl.create_default_context() if self._parts.scheme == "tls" else None
            self._reader, self._writer = await asyncio.open_connection(
                self._parts.hostname, self._parts.port, ssl=context
            )
        return self._writer


def formatted(message: Message, facility: int, limit: int) -> bytes:
    """The message as RFC 5424 6 has it, without structured data; the text is JSON, and so without a byte order mark."""
    priority = facility * 8 + message.severity
    head = f"<{priority}>1 {message.time} {_hostname()} {_APP} {message.stream} {message.kind} - "
    return head.encode() + shortened(message, limit)


def _hostname() -> str:
    """This machine's name as the header takes it: printable ASCII without spaces, at most 255 characters."""
    name = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")[:255]
    return name or "-"
