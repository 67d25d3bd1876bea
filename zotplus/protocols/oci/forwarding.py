"""Handlers that send an allowed request on to the upstream and its answer back."""

from collections.abc import AsyncIterator

from multidict import CIMultiDictProxy

from zotplus.gateway.context import Context
from zotplus.gateway.reply import Body, Relayed, Reply, Streamed
from zotplus.ports.upstream import Headers, OpenBody, Upstream, UpstreamReply, UpstreamRequest
from zotplus.protocols.oci.addresses import Kind, build_query
from zotplus.protocols.oci.operations import Bare, BeginUpload, Forwarded, may_pull

API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")

MANIFEST_MAX_BYTES = 4 << 20
"""Specification, "Pushing Manifests": registries should take at least 4 MiB; Zot and the CNCF registry take no more."""

# What the API gives a meaning to. Everything else stays here: credentials, cookies, X-Zot-*, X-Forwarded-*, Expect and
# whatever concerns one connection only.
_REQUEST_HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Content-Encoding",
    "Content-Range",
    "Content-Type",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
    "User-Agent",
    "traceparent",
    "tracestate",
)
_TAKES_BODY = frozenset({"POST", "PUT", "PATCH"})


class Forwarding:
    """Handlers over the upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def ping(self, _context: Context, _operation: Bare) -> Reply:
        """Whether the API is there; the pipeline has looked at the credentials."""
        self._upstream.require()
        return Reply(headers=(("Content-Type", "application/json"), API_VERSION), body=b"{}")

    async def send(self, context: Context, operation: Forwarded) -> Reply:
        """Forward as it is."""
        return to_reply(await self._upstream.exchange(await _request(context, operation)))

    async def get_blob(self, context: Context, operation: Forwarded) -> Reply:
        """Forward; the body may go from socket to socket."""
        return to_reply(await self._upstream.open_blob(await _request(context, operation)))

    async def head_blob(self, context: Context, operation: Forwarded) -> Reply:
        """Say whether the repository has the blob, without giving it one."""
        return to_reply(await self._upstream.head_blob(await _request(context, operation)))

    async def begin_upload(self, context: Context, operation: BeginUpload) -> Reply:
        """Begin an upload, or mount a blob of a repository that the caller may read and that really has it."""
        request = await _request(context, operation)
        if await self._may_mount(context, operation):
            mount = build_query((("mount", operation.mount), ("from", operation.source)))
            request = UpstreamRequest(
                method="POST", target=operation.address.path + mount, headers=request.headers, body=request.body
            )
        return to_reply(await self._upstream.exchange(request))

    async def _may_mount(self, context: Context, operation: BeginUpload) -> bool:
        if not operation.mount or not operation.source or not context.may(may_pull(operation.source)):
            return False
        return await self._upstream.holds_blob(operation.source, operation.mount)


def to_reply(answer: UpstreamReply) -> Reply:
    """The upstream's answer as the client gets it."""
    headers = list(answer.headers)
    if not any(name.lower() == API_VERSION[0].lower() for name, _ in headers):
        headers.append(API_VERSION)
    body: Body
    match answer.body:
        case bytes():
            body = answer.body
        case OpenBody(connection=connection, prefix=prefix, length=length):
            body = Relayed(connection, prefix, length)
        case _:
            body = Streamed(answer.body, answer.length)
    return Reply(status=answer.status, headers=tuple(headers), body=body, length=answer.length)


async def _request(context: Context, operation: Forwarded) -> UpstreamRequest:
    head = context.head
    headers = list(_forwarded(head.headers))
    body: AsyncIterator[bytes] | bytes | None = None
    if head.method in _TAKES_BODY:
        body = await _body(context, operation)
        length = len(body) if isinstance(body, bytes) else context.body.length
        if length is not None:
            # a registry ignores the body of a PUT without it, and a client library goes chunked unless told
            headers.append(("Content-Length", str(length)))
    return UpstreamRequest(method=head.method, target=operation.target, headers=tuple(headers), body=body)


async def _body(context: Context, operation: Forwarded) -> AsyncIterator[bytes] | bytes:
    """The body as a stream, or whole where it is empty or a manifest that came without its length."""
    if context.body.length == 0:
        return b""
    if context.body.length is None and operation.address.kind is Kind.MANIFEST:
        return await context.body.read(MANIFEST_MAX_BYTES)
    return context.body.chunks()


def _forwarded(received: CIMultiDictProxy[str]) -> Headers:
    return tuple((name, value) for name in _REQUEST_HEADERS for value in received.getall(name, []))
