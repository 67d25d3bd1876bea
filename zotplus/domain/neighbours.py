"""Whose requests count together: an IPv4 address, or the /64 network that one IPv6 customer has at the least.

Spec: RFC 6177 2 (sites get much more than a /64), RFC 4291 2.5.5.2 (IPv4-mapped addresses).
"""

import ipaddress
from functools import lru_cache

_PREFIX = 64


@lru_cache(4_096)
def neighbourhood(address: str) -> str:
    """``192.0.2.1`` as it is, ``2001:db8:0:1::7`` as ``2001:db8:0:1::/64``; whatever is no address unchanged."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _PREFIX), strict=False))
