"""Settings ``upstream``."""

from typing import Annotated

import msgspec


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings ``upstream``: the OCI registry behind the gateway."""

    url: str | None = None
    """Address of a registry that runs already, ``http://host:port`` or ``https://…`` without a path. Default none: a
    Zot is then looked for on this machine. Only the gateway may reach it, for the gateway decides who may what."""

    binary: str | None = None
    """Path of a Zot program to start and watch. Default none: ``zot`` on PATH, where there is one."""

    managed: bool = True
    """Whether a Zot found on this machine is started. Default true; false means no upstream unless ``url`` is set."""

    managed_address: str = "127.0.0.1"
    """Address that a managed Zot listens on. Default and only kind accepted: loopback, because Zot runs without
    authentication behind the gateway."""

    managed_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of a managed Zot. Default 0: a free one, chosen at each start."""

    connect_timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    """Seconds to connect. Default 5: the registry is on the same machine or in the same cluster."""

    idle_timeout: Annotated[float, msgspec.Meta(gt=0)] = 900.0
    """Seconds without a byte after which an exchange is given up. Default 900: a registry hashes a whole layer before
    it answers the last request of its upload (100 GiB at 200 MiB/s take 512 s). A whole exchange has no limit."""

    answer_timeout: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Seconds until the answer to a GET, HEAD or DELETE begins. Default 60: it is only looked up, but perhaps in a
    cloud's storage."""

    pooled_connections: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 32
    """Idle connections for blobs that each worker keeps open. Default 32: as many parallel layer downloads as a few
    clients make."""
