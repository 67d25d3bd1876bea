"""Who is at the other end of a connection by its client certificate."""

import math
import ssl
from collections.abc import Callable

import msgspec


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's ``name``, empty for nobody, and until when the certificate says so, in seconds since the epoch."""

    name: str
    until: float


NOBODYS = Holder(name="", until=math.inf)

HolderOf = Callable[[ssl.SSLObject], Holder]
"""Whose certificate the client of a TLS connection showed; it was verified in the handshake."""
