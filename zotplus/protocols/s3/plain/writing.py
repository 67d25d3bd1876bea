"""Writing a plain PUT: signed in its headers, of a small object whose content has arrived with the head.

As ``reading``: no rule is its own, and whatever is not plain is None here and goes the way of all other requests.

Spec: Amazon S3 API Reference, PutObject.
"""

import re
from functools import lru_cache

import msgspec

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.gateway.plain import PlainRequest
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Route
from zotplus.protocols.s3.attributes import DEFAULT_TYPE
from zotplus.protocols.s3.objects.writing import written_headers
from zotplus.protocols.s3.plain.signed import Signed, read_signed
from zotplus.protocols.s3.request import Site
from zotplus.services.values import Expected, Small

_PUT_OBJECT = actions.PUT_OBJECT.name
_UNSIGNED = UNSIGNED_PAYLOAD.encode()
_is_sha256 = re.compile(rb"[0-9a-f]{64}").fullmatch
# Types as clients guess them from a file's name; any other text is judged by the usual reader.
_is_plain_type = re.compile(rb"[a-z]+/[a-z0-9.+-]+(?:; ?charset=[A-Za-z0-9-]+)?").fullmatch
_TYPES = 1024


class PlainWrite(msgspec.Struct, frozen=True):
    """A plain write that was signed by ``principal``: what it needs, and what it does if that is allowed."""

    route: Route
    principal: Principal
    need: Need
    signed: Signed
    headers: dict[str, str]

    async def perform(self, request: PlainRequest) -> Reply:
        """Write the object, and answer as the operation of all other writes. Raises what ``Objects.put_plain`` does."""
        signed = self.signed
        sha256 = None if signed.payload == _UNSIGNED else signed.payload.decode()
        content = request.content
        expected = Expected(size=len(content), sha256=sha256)
        small = Small(content=content, headers=self.headers, expected=expected, by=request.actor)
        info = await request.services.objects.put_plain(signed.bucket, signed.key, small)
        return Reply(headers=written_headers(info))


class PlainWriting:
    """Reads plain writes of ``site``; ``put`` is the route that they mean. Where a host can name a bucket none is."""

    def __init__(self, site: Site, put: Route) -> None:
        self._prefix = site.prefix
        self._route = put if site.domain is None else None

    def read(self, head: PlainRequest) -> PlainWrite | None:
        """The request where it is plain for S3 too, and rightly signed; nothing has happened yet."""
        route, size, services = self._route, len(head.content), head.services
        signed = None if route is None else read_signed(head, self._prefix, brings_body=True)
        if route is None or signed is None or size > services.objects.inline_limit:
            return None
        if signed.header(b"content-length") != b"%d" % size:
            return None
        if signed.payload != _UNSIGNED and _is_sha256(signed.payload) is None:
            return None
        headers = _headers_of(signed.header(b"content-type"))
        if headers is None:
            return None
        found = services.plain.find_target(signed.plan.terms.access_key, signed.bucket)
        if found is None or not signed.is_signed_with(found[1]):
            return None
        need = Need(_PUT_OBJECT, f"s3:{signed.bucket}/{signed.key}")
        head.agent = signed.header(b"user-agent").decode()
        return PlainWrite(route, found[0], need, signed, headers)


@lru_cache(maxsize=_TYPES)
def _headers_of(content_type: bytes) -> dict[str, str] | None:
    """The stored headers of an object of this type, that of no type for an empty one; None where it is unusual."""
    if content_type and _is_plain_type(content_type) is None:
        return None
    return {"content-type": content_type.decode() or DEFAULT_TYPE}
