"""Reading a plain GET or HEAD: signed in its headers, of a small object, with nothing said beside.

Such requests are most of what a busy registry answers. Every rule is that of all other requests: who signed is proven
by the same derived key, the evaluator decides as always, limits, log and audit are the pipeline's. Only the values on
the way are left out that others need: this reads from the received bytes to the stored record. Whatever is not plain in
any respect, refusals included, is None here, and is read from the beginning by the usual steps.

Spec: Amazon S3 API Reference, GetObject, HeadObject.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.gateway.head import Listener
from zotplus.gateway.plain import PlainRequest
from zotplus.gateway.reply import Reply, field_lines
from zotplus.gateway.route import Route
from zotplus.protocols.s3.attributes import object_headers
from zotplus.protocols.s3.plain.signed import Signed, read_signed
from zotplus.protocols.s3.request import Site
from zotplus.services.plain import PlainObject

_PAYLOADS = frozenset({UNSIGNED_PAYLOAD.encode(), sha256(b"").hexdigest().encode()})
_LINES = 4096  # half a kilobyte each
_GET_OBJECT = actions.GET_OBJECT.name
_SANDBOX = ("Content-Security-Policy", "sandbox")


class PlainRead(msgspec.Struct, frozen=True):
    """A plain read that was signed by ``principal``: what it needs, and the answer that it gets if that is allowed."""

    route: Route
    principal: Principal
    need: Need
    lines: bytes
    content: bytes
    length: int

    def reply(self) -> Reply:
        """The object, as the operations of all other reads answer."""
        return Reply(lines=self.lines, body=self.content, length=self.length)


class PlainReading:
    """Reads plain requests of ``site``; ``get`` and ``head`` are the routes that they mean.

    Where a host can name a bucket nothing is plain.
    """

    def __init__(self, site: Site, get: Route, head: Route) -> None:
        self._prefix = site.prefix
        self._routes = {"GET": get, "HEAD": head} if site.domain is None else {}
        self._lines: dict[tuple[bytes, bool], bytes | None] = {}

    def read(self, requests: Sequence[PlainRequest]) -> list[PlainRead | None]:
        """Those requests that are plain for S3 too, and rightly signed; nothing has happened yet.

        What they ask for is looked up together. Raises ``STORAGE_FAILED``.
        """
        signed = [self._signed(request) for request in requests]
        wanted = [(one.plan.terms.access_key, one.bucket, one.key) for one in signed if one is not None]
        found = iter(requests[0].services.plain.find(wanted)) if wanted else iter(())
        return [
            None if one is None else self._proven(request, one, next(found))
            for request, one in zip(requests, signed, strict=True)
        ]

    def _signed(self, request: PlainRequest) -> Signed | None:
        if request.method not in self._routes or request.content:
            return None
        signed = read_signed(request, self._prefix)
        return None if signed is None or signed.payload not in _PAYLOADS else signed

    def _proven(self, request: PlainRequest, signed: Signed, found: PlainObject | None) -> PlainRead | None:
        if found is None or not signed.is_signed_with(found.secret):
            return None
        request.agent = signed.header(b"user-agent").decode()
        lines = self._lines_of(found, is_sandboxed=request.listener is Listener.MAIN)
        if lines is None:
            return None
        need = Need(_GET_OBJECT, f"s3:{signed.bucket}/{signed.key}")
        method = request.method
        content = found.content if method == "GET" else b""
        return PlainRead(self._routes[method], found.principal, need, lines, content, found.size)

    def _lines_of(self, found: PlainObject, *, is_sandboxed: bool) -> bytes | None:
        """The object's headers on the wire; None where it is not plain. Those of the last objects are kept."""
        named = (found.metadata, bool(found.bucket.versioning))
        try:
            return self._lines[named]
        except KeyError:
            info = found.info()
            headers = [] if info is None else object_headers(info, ())
            if is_sandboxed:
                headers.append(_SANDBOX)
            if len(self._lines) >= _LINES:
                self._lines.clear()
            lines = self._lines[named] = None if info is None else field_lines(headers)
            return lines
