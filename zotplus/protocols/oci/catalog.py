"""The catalogue: only repositories that the reader may pull, in pages of the reader's size.

The order is the upstream's, whatever it is, and ``last`` is always a name that the reader may see.
"""

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.ports.upstream import Upstream, UpstreamReply, UpstreamRequest
from zotplus.protocols.oci.addresses import build_query
from zotplus.protocols.oci.forwarding import API_VERSION
from zotplus.protocols.oci.operations import Catalog, may_pull
from zotplus.protocols.oci.scopes import catalog_need
from zotplus.services.tokens.registry_tokens import TokenPrincipal

PAGE_SIZE = 1_000
"""Entries asked of the upstream at once, and the most that a client gets: the CNCF registry refuses more."""

PAGE_MAX_BYTES = 1 << 20
"""A thousand names of 255 characters, in JSON."""

PAGES_MAX = 1_000
"""A million repositories; an upstream that never ends its list is cut off here."""

_OK = 200
_NOT_FOUND = 404


class Repositories(msgspec.Struct, frozen=True):
    """The document of the catalogue; ``repositories`` is null where some registries mean none."""

    repositories: list[str] | None


class CatalogHandler:
    """The handler of ``/v2/_catalog``."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def page(self, context: Context, operation: Catalog) -> Reply:
        """One page."""
        names, more = await self._page(context, operation)
        headers = [("Content-Type", "application/json"), API_VERSION]
        if more and names:
            query = build_query((("last", names[-1]), ("n", str(operation.limit))))
            headers.append(("Link", f'</v2/_catalog{query}>; rel="next"'))
        return Reply(headers=tuple(headers), body=msgspec.json.encode(Repositories(names)))

    async def _page(self, context: Context, operation: Catalog) -> tuple[list[str], bool]:
        """Up to ``limit`` names, and whether at least one more follows."""
        reader = _reader(context.principal)
        visible: list[str] = []
        last = operation.last
        for _ in range(PAGES_MAX if operation.limit else 0):
            page, has_next = await self._upstream_page(last)
            for name in page:
                if not reader.may(may_pull(name), context):
                    continue
                if len(visible) == operation.limit:
                    return visible, True
                visible.append(name)
            if not has_next or not page or page[-1] == last:
                break
            last = page[-1]
        return visible, False

    async def _upstream_page(self, last: str) -> tuple[list[str], bool]:
        parameters = (("n", str(PAGE_SIZE)), *((("last", last),) if last else ()))
        reply = await self._upstream.exchange(
            UpstreamRequest(method="GET", target="/v2/_catalog" + build_query(parameters))
        )
        body = await _whole(reply)
        if reply.status == _NOT_FOUND:
            return [], False  # a registry without a single repository may say so
        if reply.status != _OK:
            raise Problem(errors.UPSTREAM_FAILED, f"The registry answered the catalogue with {reply.status}.")
        try:
            names = msgspec.json.decode(body, type=Repositories).repositories or []
        except (msgspec.DecodeError, UnicodeDecodeError) as failure:
            raise Problem(errors.UPSTREAM_FAILED, "The registry's catalogue cannot be read.") from failure
        return names, any(name.lower() == "link" for name, _ in reply.headers)


def _reader(principal: Principal) -> Principal:
    """Whose rights decide. A token opens the catalogue only if it was issued for it; repositories follow the person."""
    if not isinstance(principal, TokenPrincipal):
        return principal
    if not principal.covers(catalog_need()):
        raise Problem(errors.ACCESS_DENIED, "The token was not issued for the catalogue.")
    return principal.whole


async def _whole(reply: UpstreamReply) -> bytes:
    """The body, read to its end. Raises ``UPSTREAM_FAILED`` above ``PAGE_MAX_BYTES``."""
    if isinstance(reply.body, bytes):
        return reply.body
    pieces: list[bytes] = []
    size = 0
    async for chunk in reply.body:  # type: ignore[union-attr] # an exchange has no open body
        size += len(chunk)
        if size > PAGE_MAX_BYTES:
            raise Problem(errors.UPSTREAM_FAILED, "The registry's catalogue is larger than a page can be.")
        pieces.append(chunk)
    return b"".join(pieces)
