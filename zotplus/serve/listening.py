"""Listening sockets: one per worker and port, sharing the port, bound before anything is forked."""

import errno
import ipaddress
import socket
from collections.abc import Iterator

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.gateway.head import Listener
from zotplus.settings import Settings

BACKLOG = 1024
"""Connections that wait for each worker; the kernel caps it at net.core.somaxconn (4096 since Linux 5.4)."""

Sockets = dict[Listener, socket.socket]
"""What one worker listens on."""

_SETTINGS = {Listener.MAIN: "http.port", Listener.S3: "s3.port"}


def bind(settings: Settings) -> tuple[Sockets, ...]:
    """The sockets of each worker, listening. Port 0 becomes one free port for all workers.

    The kernel spreads connections over the sockets. They stay open here, so that what waits for a worker that died is
    served by its successor. Raises ``ADDRESS_UNAVAILABLE``.
    """
    ports = {Listener.MAIN: settings.http.port}
    if settings.s3.port is not None:
        ports[Listener.S3] = settings.s3.port
    resolved = {key: _free_port(key, settings.http.address, port) for key, port in ports.items()}
    return tuple(
        {key: _listen(key, settings.http.address, port) for key, port in resolved.items()}
        for _ in range(settings.workers)
    )


def addresses(sockets: Sockets, *, tls: bool) -> Iterator[tuple[Listener, str]]:
    """Listeners and URLs of what one worker listens on; a wildcard address is shown as loopback, which works here."""
    for listener, listening in sockets.items():
        host, port = listening.getsockname()[:2]
        if ipaddress.ip_address(host).is_unspecified:
            host = "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        yield listener, f"{'https' if tls else 'http'}://{host}:{port}"


def _free_port(listener: Listener, address: str, port: int) -> int:
    """``port`` if nobody has it, or a free one for 0.

    Sharing a port (SO_REUSEPORT, socket(7)) works between all processes of one user, so a second server would silently
    take half of the connections of the first; a socket that does not share finds out.
    """
    with _socket(address) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(probe, listener, address, port)
        found: int = probe.getsockname()[1]
        return found


def _listen(listener: Listener, address: str, port: int) -> socket.socket:
    listening = _socket(address)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(listening, listener, address, port)
    listening.listen(BACKLOG)
    listening.setblocking(False)  # noqa: FBT003 - its only parameter
    return listening


def _socket(address: str) -> socket.socket:
    if ":" not in address:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made


def _bind(made: socket.socket, listener: Listener, address: str, port: int) -> None:
    try:
        made.bind((address, port))
    except OSError as error:
        made.close()
        reason = {
            errno.EADDRINUSE: "another program listens there",
            errno.EACCES: "ports below 1024 need a privilege",
            errno.EADDRNOTAVAIL: "the address is not this machine's",
        }.get(error.errno or 0, error.strerror)
        raise Problem(
            errors.ADDRESS_UNAVAILABLE,
            f"{_SETTINGS[listener]}: {address} port {port}: {reason}.",
            setting=_SETTINGS[listener],
        ) from error
