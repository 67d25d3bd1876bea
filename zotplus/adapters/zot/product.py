"""Which registry answers, and what follows from it.

Zot answers ``/v2/_oci/ext/discover`` in every build; the CNCF registry is known by its ``nosniff`` header on ``/v2/``.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.upstream import UpstreamReply, UpstreamStatus

ZOT = "zot"
CNCF_REGISTRY = "registry"
UNKNOWN = "unknown"

PING = "/v2/"
ZOT_DISCOVER = "/v2/_oci/ext/discover"
ZOT_MANAGEMENT = "/v2/_zot/ext/mgmt"
REFERRERS_PROBE = f"/v2/zotplus/probe/referrers/sha256:{'0' * 64}"

T = TypeVar("T")

ASK = Callable[[str], Awaitable[UpstreamReply]]
"""Sends a GET to a path and returns the answer with its body read whole."""


class _Management(msgspec.Struct, frozen=True, rename="camel"):
    """What Zot tells about itself where its search extension is on."""

    release_tag: str = ""


class _Extensions(msgspec.Struct, frozen=True):
    """The document of the extensions endpoint (OCI distribution specification, extensions)."""

    extensions: list[msgspec.Raw] | None


async def ping(ask: ASK) -> UpstreamReply:
    """The answer of ``/v2/``. Raises what ``ask`` raises, and ``UPSTREAM_FAILED`` when it is not served."""
    reply = await ask(PING)
    if reply.status != 200:  # noqa: PLR2004 - the distribution specification's answer
        raise Problem(errors.UPSTREAM_FAILED, f"The upstream answers /v2/ with {reply.status}; is it an OCI registry?")
    return reply


async def identify(ask: ASK) -> UpstreamStatus:
    """Ask the upstream what it is. Raises as ``ping``."""
    pong = await ping(ask)
    referrers = await _has_referrers(ask)
    if await _is_zot(ask):
        return UpstreamStatus(product=ZOT, version=await _zot_version(ask), referrers=referrers)
    is_cncf = ("x-content-type-options", "nosniff") in {(name.lower(), value) for name, value in pong.headers}
    return UpstreamStatus(product=CNCF_REGISTRY if is_cncf else UNKNOWN, version="", referrers=referrers)


def links_on_demand(product: str) -> bool:
    """Whether asking for a blob may link it into the repository that is asked.

    Zot with ``dedupe`` on does so for HEAD, for a GET with a Range and for a mount; what is unknown is not trusted.
    """
    return product != CNCF_REGISTRY


def blob_target(repository: str, digest: str) -> str:
    """The address of a blob."""
    return f"/v2/{repository}/blobs/{quote(digest, safe=':')}"


async def _has_referrers(ask: ASK) -> bool:
    """Whether the referrers API is there: it answers with an index, or an error in OCI form, even for the unknown."""
    try:
        reply = await ask(REFERRERS_PROBE)
    except Problem:
        return True  # a server error comes from a route that exists
    is_oci_error = isinstance(reply.body, bytes) and b'"errors"' in reply.body
    return is_oci_error or reply.status == 200  # noqa: PLR2004 - as above


async def _is_zot(ask: ASK) -> bool:
    reply = await ask(ZOT_DISCOVER)
    return reply.status == 200 and _decoded(reply, _Extensions) is not None  # noqa: PLR2004 - as above


async def _zot_version(ask: ASK) -> str:
    management = _decoded(await ask(ZOT_MANAGEMENT), _Management)
    return "" if management is None else management.release_tag[:64]


def _decoded(reply: UpstreamReply, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(reply.body, type=kind) if isinstance(reply.body, bytes) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
