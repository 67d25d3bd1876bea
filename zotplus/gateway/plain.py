"""Plain requests: heads that are simple enough to be answered from their bytes.

A ``PlainRequest`` stands for both head and context of such a request. What few ask for (the values of condition keys)
is made of it when somebody does, by the same code as for all other requests.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain.errors import Fault
from zotplus.domain.iam import Decision, Need
from zotplus.domain.principals import Principal
from zotplus.gateway.bodies import NO_BODY
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.route import Face, Route
from zotplus.services.directory import Services
from zotplus.services.values import Actor

HEAD_MAX_BYTES = 4_096
"""Larger heads are no plain ones."""
DATA_MAX_BYTES = 1 << 17
"""Nor is what comes in larger pieces."""
LINES_MAX = 60
_END = b"\r\n\r\n"
_LINE_END = b"\r\n"
_COLON = b": "
_TWO_BLANKS = b":  "
_BLANK_END = b" \r\n"
# Visible ASCII and the blank: what remains of a head without them is its line ends, or it is no plain one.
_PRINTABLE = bytes(range(0x20, 0x7F))
_LINE_ENDS = tuple([_LINE_END * number for number in range(LINES_MAX + 1)])
# An origin-form target of unreserved characters (RFC 3986 section 2.3): it has one spelling, and no query.
_request_line = re.compile(rb"(GET|HEAD|PUT) (/[A-Za-z0-9\-._~/]*) HTTP/1\.([01])").fullmatch


class Origin(NamedTuple):
    """Where the requests of one connection come from, as in ``RequestHead``."""

    peer: str
    scheme: str
    tls_version: str


NOWHERE = Origin("", "", "")
"""That of a connection that does not stand yet."""


class PlainRequest:
    """A GET, HEAD or PUT without a query. ``raw_headers`` are [name, value] as received, ``content`` all behind them.

    ``names`` are those of the headers; ``is_old`` is said of HTTP/1.0, whose connections end unless told not to.
    Whoever received it sets ``listener`` and ``started``, the pipeline ``face`` and ``services`` before it is read, and
    who asks and what was decided when it is answered. It is never a refusal, so it has no fault.
    """

    __slots__ = (
        "agent", "content", "decisions", "face", "is_old", "listener", "method", "names", "origin", "principal",
        "raw_headers", "raw_path", "request_id", "route", "services", "started",
    )  # fmt: skip

    fault: ClassVar[Fault | None] = None
    log: ClassVar[dict[str, str | int | float]] = {}
    more_decisions: ClassVar[int] = 0
    raw_query: ClassVar[str] = ""

    decisions: list[tuple[Need, Decision]]
    face: Face
    listener: Listener
    principal: Principal
    request_id: str
    route: Route
    services: Services

    def __init__(
        self, line: tuple[str, str], raw_headers: Sequence[Sequence[bytes]], content: bytes, origin: Origin
    ) -> None:
        self.method, self.raw_path = line
        self.raw_headers = raw_headers
        self.content = content
        self.origin = origin
        self.agent = ""
        self.names: tuple[bytes, ...] = ()
        self.is_old = False
        self.decisions = []
        self.started = 0.0

    @property
    def head(self) -> "PlainRequest":
        """Itself, as that of a context."""
        return self

    @property
    def peer(self) -> str:
        """The client's address."""
        return self.origin.peer

    @property
    def operation_name(self) -> str:
        """The route's name."""
        return self.route.name

    @property
    def actor(self) -> Actor:
        """Who asks, as services are told."""
        return Actor(principal=self.principal.id, request_id=self.request_id, address=self.origin.peer)

    def values(self, key: str) -> tuple[str, ...] | None:
        """Condition keys of caller and request, as ``Context.values``."""
        return self.as_context().values(key)

    def as_context(self) -> Context:
        """The request as all others are carried; its body has been read."""
        headers = CIMultiDict([(name.decode(), value.decode()) for name, value in self.raw_headers])
        head = RequestHead(
            method=self.method,
            raw_path=self.raw_path,
            raw_query="",
            headers=CIMultiDictProxy(headers),
            peer=self.origin.peer,
            scheme=self.origin.scheme,
            host=headers.get("Host", ""),
            listener=self.listener,
            tls_version=self.origin.tls_version,
        )
        context = Context(
            head=head,
            body=NO_BODY,
            services=self.services,
            face=self.face,
            request_id=self.request_id,
            started=self.started,
        )
        context.principal, context.route = self.principal, self.route
        context.decisions = self.decisions
        return context


def read_plain(data: bytes, origin: Origin) -> PlainRequest | None:
    """The request that ``data`` begins with, if it is a plain one; None leaves it to a parser of HTTP.

    Whether what follows the head is the request's body, and all of it, is for the reader of the headers to say.
    Spec: RFC 9112 sections 2 to 5, of which this takes the plainest form only: printable ASCII, one blank behind each
    colon, no folded line.
    """
    end = -1 if len(data) > DATA_MAX_BYTES else data.find(_END, 0, HEAD_MAX_BYTES)
    if end < 0:
        return None
    head = data[:end]
    first, *lines = head.split(_LINE_END)
    found = _request_line(first)
    if found is None or len(lines) > LINES_MAX or head.translate(None, _PRINTABLE) != _LINE_ENDS[len(lines)]:
        return None
    method, path, minor = found.groups()
    if _TWO_BLANKS in head or _BLANK_END in head or head.endswith(b" "):
        return None
    headers = [line.split(_COLON, 1) for line in lines]
    try:
        names = tuple([name for name, _ in headers])
    except ValueError:  # a line without a colon
        return None
    request = PlainRequest((method.decode(), path.decode()), headers, data[end + len(_END) :], origin)
    request.names = names
    request.is_old = minor == b"0"
    return request
