"""Which addresses an endpoint may have: the guard against requests that are forged on the server's side (SSRF).

A name is resolved first, its addresses are judged, and the connection goes to one that was judged, so an answer that
changes between the two (DNS rebinding) gains nothing.

Spec: IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 4291, 2.5.5.2 (IPv4-mapped); RFC 6052 (NAT64);
RFC 3056 (6to4); RFC 4380 (Teredo).
"""

import ipaddress
import socket
from typing import Literal, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Reach: TypeAlias = Literal["public", "private", "local"]
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Networks of one's own (RFC 1918, RFC 6598, RFC 4193)."""
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is the internet (IANA "IPv6 Address Space"): the rest is reserved, local, or stands for IPv4."""
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")))
"""What clouds (Amazon, Google, Alibaba, Azure) keep for their machines at addresses that are not link-local."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses behind a NAT64."""


class AddressRefusedError(OSError):
    """An endpoint has no address that it may have; the text says which it has."""


def is_within(address: Address, reach: Reach) -> bool:
    """Whether an endpoint of this reach may have ``address``.

    ``public`` is the internet, ``private`` adds networks of one's own, ``local`` this machine too. Link-local addresses
    and the metadata services of clouds, multicast and the like are none of it.
    """
    inner = _unwrapped(address)
    if inner is None or inner in _METADATA:
        return False
    if inner.is_loopback:
        return reach == "local"
    if any(inner in network for network in _PRIVATE):
        return reach != "public"
    is_internet = isinstance(inner, ipaddress.IPv4Address) or inner in _GLOBAL_UNICAST
    return is_internet and inner.is_global and not inner.is_multicast


def _unwrapped(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 address stands for; None for tunnels, whose other end cannot be judged."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None or address.teredo is not None:
        return None
    return address


def literal(host: str) -> Address | None:
    """The address that ``host`` is, however it is written; None for a name.

    ``127.1``, ``0x7f000001`` and ``2130706433`` are addresses too for every resolver of a system.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


class GuardedResolver(AbstractResolver):
    """Resolves as ``inner`` (the system's by default) and lets through only what is within ``reach``."""

    def __init__(self, reach: Reach, inner: AbstractResolver | None = None) -> None:
        self._reach = reach
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of ``host``. Raises ``AddressRefusedError``, and ``OSError`` for a name that is not known."""
        if self._inner is None:
            self._inner = ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if is_within(ipaddress.ip_address(one["host"].partition("%")[0]), self._reach)]
        if not allowed:
            addresses = ", ".join(sorted({one["host"] for one in found})[:4])
            raise AddressRefusedError(f"{host} has the address {addresses}, which is not within reach: {self._reach}")
        return allowed

    async def close(self) -> None:
        """Release the resolver."""
        if self._inner is not None:
            await self._inner.close()
