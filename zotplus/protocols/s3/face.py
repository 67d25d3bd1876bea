"""The S3 face: how a request is read, who asks, and how a refusal looks.

``app.py`` makes two: with prefix ``/s3`` for the main listener, and at the root of the S3 listener.
"""

import time
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.domain.signatures import sigv2
from zotplus.domain.signatures.sigv4 import parse_authorization, verify
from zotplus.gateway.context import Context
from zotplus.gateway.credentials import caller
from zotplus.gateway.head import RequestHead
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.s3.attributes import http_date
from zotplus.protocols.s3.forms.opening import authenticate as authenticate_form
from zotplus.protocols.s3.forms.posting import POST_OBJECT
from zotplus.protocols.s3.origins import PREFLIGHT, crossing_headers
from zotplus.protocols.s3.plain.reading import PlainReading
from zotplus.protocols.s3.plain.writing import PlainWriting
from zotplus.protocols.s3.request import (
    Request,
    Site,
    argument_invalid,
    bucket_of_host,
    read_request,
    refuse_unsupported_headers,
    with_headers_of_link,
)
from zotplus.protocols.s3.routes import ROWS, match
from zotplus.protocols.s3.sharing.owners import expecting_owners, names_owners
from zotplus.protocols.s3.wire_errors import FAULT_HEADER, HOST_ID, error_document, wire

_NOT_MODIFIED = 304
_PLAIN_SCHEMES = frozenset({"basic", "bearer"})
"""For curl, dnf and browsers, which do not sign. Amazon S3 has nothing like it."""


class S3Face:
    """One address of the S3 protocol; as ``gateway.route.Face``.

    The site's ``prefix`` (``/s3`` or empty) is part of what clients sign; it is taken off for the address and put
    before every address that is answered. Its ``domain`` switches virtual hosts (``bucket.domain``) on.
    """

    name = "s3"
    request_id_header = "x-amz-request-id"

    def __init__(self, site: Site, *, allow_signature_v2: bool = False) -> None:
        self.routes: Sequence[Route] = tuple(row.route for row in (*ROWS, PREFLIGHT))
        self._site = site
        self._allow_signature_v2 = allow_signature_v2
        named = {route.name: route for route in self.routes}
        self._expecting = {route.name: expecting_owners(route, self.read) for route in self.routes}
        self.read_plainly = PlainReading(site, named["GetObject"], named["HeadObject"]).read
        """As ``SupportsPlain.read_plainly``."""
        self.write_plainly = PlainWriting(site, named["PutObject"]).read
        """As ``SupportsPlain.write_plainly``."""

    def read(self, head: RequestHead) -> Request:
        """The address of a request. Raises as ``read_request``."""
        return read_request(head, self._site)

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """As ``Face.parse``."""
        head = with_headers_of_link(head)
        request = read_request(head, self._site)
        row = match(request)
        refuse_unsupported_headers(head, row.headers)
        route = self._expecting[row.route.name] if names_owners(head) and not row.route.public else row.route
        return route, row.parse(request)

    async def authenticate(self, context: Context) -> Principal:
        """As ``Face.authenticate``; sets the context's claim and secret.

        The signature is verified whatever the body's mode, before a byte of the body is read, and for every region
        that the client may have signed for.
        """
        principal = await self._who(context)
        context.head = with_headers_of_link(context.head)
        return principal

    async def _who(self, context: Context) -> Principal:
        head = context.head
        if context.route is PREFLIGHT.route:
            return await context.services.callers.anonymous()
        if "Authorization" not in head.headers and "=" not in head.raw_query:
            return await self._unsigned(context)
        claim = parse_authorization(head)
        if claim is None:
            return await self._without_version_4(context)
        principal, secret = await context.services.callers.signer(claim.access_key, claim.session_token)
        verify(claim, head, secret, time.time())
        context.claim, context.secret = claim, secret
        return principal

    async def _without_version_4(self, context: Context) -> Principal:
        """By Basic or Bearer, by signature version 2 where it is allowed, nobody without a credential, else refused."""
        head = context.head
        if head.headers.get("Authorization", "").partition(" ")[0].lower() in _PLAIN_SCHEMES:
            return await caller(context)
        try:
            claim = sigv2.parse_authorization(head)
        except Problem as problem:
            if problem.fault is errors.CREDENTIALS_MALFORMED and not self._allow_signature_v2:
                raise Problem(errors.SIGNATURE_VERSION_REFUSED) from problem
            raise
        if claim is None:
            if "Authorization" in head.headers:
                raise _unsupported(head.headers.get("authorization") or "")
            return await self._unsigned(context)
        if not self._allow_signature_v2:
            raise Problem(errors.SIGNATURE_VERSION_REFUSED)
        principal, secret = await context.services.callers.signer(claim.access_key, claim.session_token)
        bucket = None if self._site.domain is None else bucket_of_host(head.headers.get("Host", ""), self._site.domain)
        address = sigv2.Address(prefix=self._site.prefix, bucket=bucket or None)
        sigv2.verify(claim, head, secret, time.time(), address)
        return principal

    async def _unsigned(self, context: Context) -> Principal:
        """Nobody, or who signed the form that the request brings."""
        if context.route is None or context.route.name != POST_OBJECT:
            return await context.services.callers.anonymous()
        request = read_request(context.head, self._site)
        return await authenticate_form(context, request, allow_signature_v2=self._allow_signature_v2)

    async def answer_across(self, context: Context, reply: Reply) -> Reply:
        """As ``SupportsOtherOrigins.answer_across``, by the rules of the request's bucket."""
        if context.head.method == PREFLIGHT.route.method:
            return reply
        try:
            bucket = read_request(context.head, self._site).bucket
        except Problem:
            return reply
        told = await crossing_headers(context, context.head, bucket) if bucket else ()
        return msgspec.structs.replace(reply, headers=(*reply.headers, *told)) if told else reply

    def render(self, problem: Problem, context: Context) -> Reply:
        """As ``Face.render``: the ``<Error>`` document, without a body for HEAD and 304."""
        _, status = wire(problem.fault)
        headers = [("x-amz-id-2", HOST_ID), (FAULT_HEADER, problem.fault.code)]
        fields = problem.fields
        if "delete_marker" in fields:
            headers += [("x-amz-delete-marker", "true"), ("x-amz-version-id", str(fields["delete_marker"]))]
        if "modified" in fields:
            headers.append(("Last-Modified", http_date(int(fields["modified"]))))
        if "allow" in fields:
            headers.append(("Allow", str(fields["allow"])))
        if problem.fault is errors.RANGE_UNSATISFIABLE and "ActualObjectSize" in fields:
            headers.append(("Content-Range", f"bytes */{fields['ActualObjectSize']}"))
        if problem.retry_after is not None:
            headers.append(("Retry-After", str(problem.retry_after)))
        if status == _NOT_MODIFIED:
            return Reply(status=status, headers=tuple(headers))
        headers.append(("Content-Type", "application/xml"))
        if context.head.method == "HEAD":
            return Reply(status=status, headers=tuple(headers))
        resource = unquote(context.head.raw_path, errors="replace")
        return Reply(status=status, headers=tuple(headers), body=error_document(problem, resource, context.request_id))


def _unsupported(authorization: str) -> Problem:
    scheme, space, _ = authorization.partition(" ")
    if not space:
        detail = "Authorization header is invalid -- one and only one ' ' (space) required."
        return argument_invalid("Authorization", authorization, detail)
    return argument_invalid("Authorization", scheme, "Unsupported Authorization Type")
