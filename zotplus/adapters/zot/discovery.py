"""Where the upstream is: given, to be started, or nowhere."""

import os
import shutil
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from zotplus.adapters.zot.client import HttpUpstream, TraceHeaders
from zotplus.adapters.zot.settings import UpstreamSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import Upstream, UpstreamReply, UpstreamRequest, UpstreamStatus

PROGRAM = "zot"


class Given(msgspec.Struct, frozen=True):
    """A registry that runs already, at this address."""

    url: str


class Managed(msgspec.Struct, frozen=True):
    """A Zot program to start and watch (``managed.prepare``)."""

    binary: Path


class Missing(msgspec.Struct, frozen=True):
    """No registry: other formats work, and ``/v2/`` says why it does not."""


Found: TypeAlias = Given | Managed | Missing


def discover(settings: UpstreamSettings) -> Found:
    """The address in ``upstream.url``, else the program in ``upstream.binary``, else ``zot`` on PATH, else nothing.

    Raises ``SETTING_INVALID`` for an address that is none, or a program that cannot be run.
    """
    if settings.url:
        return Given(checked_url(settings.url))
    if not settings.managed:
        return Missing()
    if settings.binary:
        binary = Path(settings.binary)
        if not (binary.is_file() and os.access(binary, os.X_OK)):
            raise Problem(
                errors.SETTING_INVALID, f"{binary} is no program that can be run.", argument="upstream.binary"
            )
        return Managed(binary)
    found = shutil.which(PROGRAM)
    return Managed(Path(found)) if found else Missing()


def checked_url(url: str) -> str:
    """``url`` without a slash at its end. Raises ``SETTING_INVALID`` for anything but scheme, host and port."""
    try:
        parts = urlsplit(url)
        named = parts.hostname is not None and parts.port != 0
    except ValueError:
        named = False
    if not named or parts.scheme not in {"http", "https"}:
        raise Problem(errors.SETTING_INVALID, "The upstream is http(s)://host[:port].", argument="upstream.url")
    if parts.username or parts.password or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise Problem(errors.SETTING_INVALID, "The upstream has neither user nor path.", argument="upstream.url")
    return url.rstrip("/")


def connect(
    settings: UpstreamSettings, *, managed_url: str | None = None, trace: TraceHeaders | None = None
) -> Upstream:
    """The client for a worker. ``managed_url`` is where the supervisor's Zot listens, started without ``dedupe``.

    ``trace``: see ``HttpUpstream``.
    """
    if managed_url:
        return HttpUpstream(checked_url(managed_url), settings, links=False, trace=trace)
    if settings.url:
        return HttpUpstream(checked_url(settings.url), settings, trace=trace)
    return MissingUpstream()


class MissingUpstream:
    """The port where no registry is: every call raises ``UPSTREAM_MISSING``."""

    def require(self) -> None:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING)

    async def exchange(self, request: UpstreamRequest) -> UpstreamReply:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING, target=request.target)

    async def open_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING, target=request.target)

    async def head_blob(self, request: UpstreamRequest) -> UpstreamReply:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING, target=request.target)

    async def holds_blob(self, repository: str, digest: str) -> bool:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING, repository=repository, digest=digest)

    async def status(self) -> UpstreamStatus:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING)

    async def check(self) -> None:
        """Raise."""
        raise Problem(errors.UPSTREAM_MISSING)

    async def close(self) -> None:
        """Nothing is open."""
