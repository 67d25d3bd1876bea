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
# An origin-form target of unreserved characters (RFC 3986 section 2.3): it has one spelling, and no query.
_request_line = re.compile(rb"(GET|HEAD|PUT) (/[A-Za-z0-9\-._~/]*) HTTP/1\.([01])(?=\r\n)").match
# Lines, each behind the end of the one before: a name, one blank, and visible ASCII with blanks within. Possessive, so
# that a line is read once, however it ends.
_fields = re.compile(rb"\r\n([!-9;-~]++): ([!-~][ -~]*+)(?<! )(?=\r\n|\Z)").findall


class Origin(NamedTuple):
    """Where the requests of one connection come from, as in ``RequestHead``."""

    peer: str
    scheme: str
    tls_version: str


NOWHERE = Origin("", "", "")
"""That of a connection that does not stand yet."""


class PlainRequest:
    """A GET, HEAD or PUT without a query: names and values of its fields as received, ``content`` all behind them.

    ``is_old`` is said of HTTP/1.0, whose connections end unless told not to.
    Whoever received it sets ``listener`` and ``started``, the pipeline ``face`` and ``services`` before it is read, and
    who asks and what was decided when it is answered. It is never a refusal, so it has no fault.
    """

    __slots__ = (
        "agent", "content", "decisions", "face", "field_names", "field_values", "is_old", "listener", "method",
        "origin", "principal", "raw_path", "request_id", "route", "services", "started",
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
        self, line: tuple[bytes, bytes, bytes], fields: Sequence[tuple[bytes, bytes]], content: bytes, origin: Origin
    ) -> None:
        method, path, minor = line
        self.method = method.decode()
        self.raw_path = path.decode()
        self.is_old = minor == b"0"
        self.field_names, self.field_values = zip(*fields, strict=True)
        self.content = content
        self.origin = origin
        self.agent = ""
        self.decisions = []
        self.started = 0.0

    @property
    def head(self) -> "PlainRequest":
        """Itself, as that of a context."""
        return self

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Names with values, in their order."""
        return list(zip(self.field_names, self.field_values, strict=True))

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

    def let_go(self) -> None:
        """Drop what was received: of those that were answered, hundreds may still have to be told of."""
        self.field_names = self.field_values = ()
        self.content = b""

    def as_context(self) -> Context:
        """The request as all others are carried; its body has been read."""
        headers = CIMultiDict([(name.decode(), value.decode()) for name, value in self.fields])
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
    if len(data) > DATA_MAX_BYTES:
        return None
    head, end, content = data.partition(_END)
    if not end or len(head) + len(end) > HEAD_MAX_BYTES:
        return None
    line, fields = _request_line(head), _fields(head)
    # Each field begins with the end of the line before it: as many as there are ends means that nothing is left over.
    if line is None or not 0 < len(fields) <= LINES_MAX or len(fields) != head.count(b"\n"):
        return None
    method, path, minor = line.groups()
    return PlainRequest((method, path, minor), fields, content, origin)
