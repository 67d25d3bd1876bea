"""The routes of the face as a table: which method on which kind of address is which operation, and what it takes."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from zotplus.domain import errors, names
from zotplus.domain.actions import OCI_CATALOG, OCI_DELETE, OCI_PULL, OCI_PUSH
from zotplus.domain.errors import Problem
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.oci.addresses import Address, Kind, Parameters
from zotplus.protocols.oci.catalog import PAGE_SIZE, CatalogHandler
from zotplus.protocols.oci.challenges import KEYS_PATH, TOKEN_PATH
from zotplus.protocols.oci.forwarding import Forwarding
from zotplus.protocols.oci.operations import Bare, BeginUpload, Catalog, Forwarded
from zotplus.protocols.oci.token_server import TokenServer

T = TypeVar("T")

LAST_MAX_CHARACTERS = 255

Read = Callable[[Route, Address, Parameters], Operation]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row: the route, the query parameters that it knows (``many`` may repeat), and how its operation is read."""

    route: Route
    one: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    read: Read

    def operation(self, address: Address, received: Parameters) -> Operation:
        """Read the operation. Unknown parameters are dropped. Raises ``ARGUMENT_INVALID`` for one given twice."""
        kept = tuple((name, value) for name, value in received if name in self.one or name in self.many)
        for name in self.one:
            if sum(given == name for given, _ in kept) > 1:
                raise Problem(errors.ARGUMENT_INVALID, f"The parameter {name} was given twice.", argument=name)
        return self.read(self.route, address, kept)


Table = dict[tuple[Kind, str], Entry]


def token_routes(server: TokenServer) -> dict[tuple[str, str], Route]:
    """The token server's routes by path and method. They are public: asking is how credentials are shown."""
    get = Route(
        name="GetToken",
        method="GET",
        template=TOKEN_PATH,
        summary="Exchange credentials, or none, for a registry token.",
        handle=_serving(Bare, server.get),
        public=True,
    )
    post = Route(
        name="PostToken",
        method="POST",
        template=TOKEN_PATH,
        summary="Exchange a password or a refresh token for a registry token (OAuth2).",
        handle=_serving(Bare, server.post),
        public=True,
        takes_body=True,
    )
    keys = Route(
        name="GetTokenKeys",
        method="GET",
        template=KEYS_PATH,
        summary="Read the public keys of the gateway's own tokens (JWKS).",
        handle=_serving(Bare, server.keys),
        public=True,
    )
    return {(route.template, route.method): route for route in (get, post, keys)}


def api_routes(forwarding: Forwarding, catalog: CatalogHandler) -> Table:
    """The distribution API."""
    send, get, head = (
        _serving(Forwarded, handle) for handle in (forwarding.send, forwarding.get_blob, forwarding.head_blob)
    )
    begin = _serving(BeginUpload, forwarding.begin_upload)
    ping = _serving(Bare, forwarding.ping)
    pull, push, delete = OCI_PULL, OCI_PUSH, OCI_DELETE
    upload = "/v2/{name+}/blobs/uploads/{session}"
    manifest, blob = "/v2/{name+}/manifests/{reference}", "/v2/{name+}/blobs/{digest}"
    # fmt: off
    rows: tuple[tuple[Kind, Entry], ...] = (
        (Kind.PING, Entry(read=_bare, route=Route(name="Ping", method="GET", template="/v2/", handle=ping,
            summary="Check the API and the credentials.", action=OCI_PULL, decides=True))),
        (Kind.PING, Entry(read=_bare, route=Route(name="HeadPing", method="HEAD", template="/v2/", handle=ping,
            summary="Check the API and the credentials.", action=OCI_PULL, decides=True))),
        (Kind.CATALOG, Entry(read=_catalog, one=("n", "last"), route=Route(name="ListCatalog", method="GET",
            template="/v2/_catalog", handle=_serving(Catalog, catalog.page), action=OCI_CATALOG, decides=True,
            summary="List the repositories that the caller may pull."))),
        (Kind.TAGS, Entry(read=_page, one=("n", "last"), route=Route(name="ListTags", method="GET",
            template="/v2/{name+}/tags/list", handle=send, summary="List the tags of a repository.", action=pull))),
        (Kind.MANIFEST, Entry(read=_forwarded, route=Route(name="GetManifest", method="GET", template=manifest,
            handle=send, summary="Read a manifest.", action=pull))),
        (Kind.MANIFEST, Entry(read=_forwarded, route=Route(name="HeadManifest", method="HEAD", template=manifest,
            handle=send, summary="Check a manifest.", action=pull))),
        (Kind.MANIFEST, Entry(read=_put_manifest, many=("tag",), route=Route(name="PutManifest", method="PUT",
            template=manifest, handle=send, takes_body=True, summary="Write a manifest and its tags.", action=push))),
        (Kind.MANIFEST, Entry(read=_forwarded, route=Route(name="DeleteManifest", method="DELETE", template=manifest,
            handle=send, summary="Delete a manifest or a tag.", action=delete))),
        (Kind.BLOB, Entry(read=_forwarded, route=Route(name="GetBlob", method="GET", template=blob,
            handle=get, summary="Read a blob or a range of it.", action=pull))),
        (Kind.BLOB, Entry(read=_forwarded, route=Route(name="HeadBlob", method="HEAD", template=blob,
            handle=head, summary="Check a blob.", action=pull))),
        (Kind.BLOB, Entry(read=_forwarded, route=Route(name="DeleteBlob", method="DELETE", template=blob,
            handle=send, summary="Delete a blob.", action=delete))),
        (Kind.UPLOADS, Entry(read=_begin_upload, one=("mount", "from", "digest", "digest-algorithm"),
            route=Route(name="BeginUpload", method="POST", template="/v2/{name+}/blobs/uploads/", handle=begin,
                takes_body=True, summary="Begin an upload, upload in one request, or mount a blob.", action=push))),
        (Kind.UPLOAD, Entry(read=_forwarded, one=("_state",), route=Route(name="GetUpload", method="GET",
            template=upload, handle=send, summary="Ask how far an upload is.", action=push))),
        (Kind.UPLOAD, Entry(read=_forwarded, one=("_state",), route=Route(name="PatchUpload", method="PATCH",
            template=upload, handle=send, takes_body=True, summary="Add to an upload.", action=push))),
        (Kind.UPLOAD, Entry(read=_finish_upload, one=("digest", "_state"), route=Route(name="PutUpload", method="PUT",
            template=upload, handle=send, takes_body=True, summary="Finish an upload.", action=push))),
        (Kind.UPLOAD, Entry(read=_forwarded, one=("_state",), route=Route(name="DeleteUpload", method="DELETE",
            template=upload, handle=send, summary="Abandon an upload.", action=push))),
        (Kind.REFERRERS, Entry(read=_forwarded, many=("artifactType",), route=Route(name="ListReferrers", method="GET",
            template="/v2/{name+}/referrers/{digest}", handle=send, action=pull,
            summary="List what refers to a manifest."))),
    )
    # fmt: on
    return {(kind, entry.route.method): entry for kind, entry in rows}


def _serving(
    kind: type[T], handle: Callable[[Context, T], Awaitable[Reply]]
) -> Callable[[Context, Operation], Awaitable[Reply]]:
    """``handle`` for operations of ``kind``, which is what its entry reads."""

    async def serve(context: Context, operation: Operation) -> Reply:
        if not isinstance(operation, kind):
            raise TypeError(f"{operation!r} is no {kind.__name__}")
        return await handle(context, operation)

    return serve


def _bare(_route: Route, _address: Address, _parameters: Parameters) -> Operation:
    return Bare()


def _forwarded(route: Route, address: Address, parameters: Parameters) -> Forwarded:
    if route.action is None:
        raise TypeError("a forwarded route has an action")
    return Forwarded(address=address, parameters=parameters, action=route.action)


def _page(route: Route, address: Address, parameters: Parameters) -> Operation:
    _limit(parameters)
    return _forwarded(route, address, parameters)


def _catalog(_route: Route, _address: Address, parameters: Parameters) -> Operation:
    return Catalog(limit=min(_limit(parameters), PAGE_SIZE), last=dict(parameters).get("last", ""))


def _limit(parameters: Parameters) -> int:
    """The page size asked for, ``PAGE_SIZE`` where none is. Raises ``ARGUMENT_INVALID``."""
    given = dict(parameters)
    if len(given.get("last", "")) > LAST_MAX_CHARACTERS:
        raise Problem(errors.ARGUMENT_INVALID, "The last name is longer than a name can be.", argument="last")
    text = given.get("n", str(PAGE_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - far more than any list has
        raise Problem(errors.ARGUMENT_INVALID, "The page size is not a number of entries.", argument="n")
    return int(text)


def _put_manifest(route: Route, address: Address, parameters: Parameters) -> Operation:
    """A digest push may name tags in the query; each is a tag like one in the path."""
    for _, tag in parameters:
        if not names.is_tag(tag):
            raise Problem(errors.REFERENCE_INVALID, "A tag in the query is not valid.", reference=tag.replace(":", ""))
    return _forwarded(route, address, parameters)


def _finish_upload(route: Route, address: Address, parameters: Parameters) -> Operation:
    if "digest" in dict(parameters):
        names.check_digest(dict(parameters)["digest"])
    return _forwarded(route, address, parameters)


def _begin_upload(_route: Route, address: Address, parameters: Parameters) -> Operation:
    """A mount without a source is an upload: where the blob would come from is what leave depends on."""
    given = dict(parameters)
    for digest in (given.get("mount"), given.get("digest")):
        if digest:
            names.check_digest(digest)
    if given.get("from"):
        names.check_repository_name(given["from"])
    known = ("digest-algorithm",) if "mount" in given else ("digest", "digest-algorithm")
    return BeginUpload(
        address=address,
        parameters=tuple((name, value) for name, value in parameters if name in known),
        action=OCI_PUSH,
        mount=given.get("mount", ""),
        source=given.get("from", "") if "mount" in given else "",
    )
