"""Routes as data: what a face offers, which action each operation needs, and the functions that serve it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal

if TYPE_CHECKING:
    from zotplus.gateway import plain
    from zotplus.gateway.context import Context
    from zotplus.gateway.head import RequestHead
    from zotplus.gateway.reply import Reply


class Operation(Protocol):
    """A parsed request: a frozen value with everything that the handler needs from head, path and query."""

    def needs(self) -> tuple[Need, ...]:
        """All that must be allowed before the handler runs; the first carries the route's action.

        Empty only on public routes and where the handler itself decides per item (``Route.decides``).
        """
        ...


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a face.

    ``name`` is the protocol's own word (``PutObject``) and labels metrics, spans and logs. ``action`` is None only for
    public routes. ``decides`` marks a route whose handler asks the evaluator per item (DeleteObjects, catalogue).
    ``template`` is for documents: ``/{bucket}/{key+}``; the face's own matcher finds the route. ``writes_body`` says
    that the operation takes a body. ``immediate`` marks a read that may be begun and dropped without effect, and whose
    handler waits for nothing where the store's reads do not: the pipeline answers it without a task. ``version_action``
    is the action where the request names a version of what it is about.
    """

    name: str
    method: str
    template: str
    summary: str
    handle: "Callable[[Context, Operation], Awaitable[Reply]]"
    action: Action | None = None
    version_action: Action | None = None
    public: bool = False
    decides: bool = False
    takes_body: bool = False
    immediate: bool = False


class Face(Protocol):
    """One protocol. Which addresses it owns is decided in ``app.py``.

    ``request_id_header`` is the response header with the request id (``X-Request-Id``, S3: ``x-amz-request-id``).
    """

    name: str
    routes: Sequence[Route]
    request_id_header: str

    def parse(self, head: "RequestHead") -> tuple[Route, Operation]:
        """Find the route and read the head into its operation. Raises ``Problem`` in bounded time."""
        ...

    async def authenticate(self, context: "Context") -> Principal:
        """Who asks, by the first scheme that applies; the anonymous principal when none does. Raises ``Problem``."""
        ...

    def render(self, problem: Problem, context: "Context") -> "Reply":
        """``problem`` in the face's own wire form, with the request id. Must not raise."""
        ...


class PlainRequest(Protocol):
    """A request that is all said: who signed it, and what it needs."""

    @property
    def route(self) -> Route:
        """What it is."""
        ...

    @property
    def principal(self) -> Principal:
        """Who asks, proven."""
        ...

    @property
    def need(self) -> Need:
        """All that must be allowed."""
        ...


class PlainRead(PlainRequest, Protocol):
    """A read, with what it gets if it is allowed."""

    @property
    def lines(self) -> bytes:
        """The answer's headers on the wire."""
        ...

    @property
    def content(self) -> bytes:
        """What is sent behind them: all of what is read, or none of it."""
        ...

    @property
    def length(self) -> int:
        """The bytes of all of it, which are told in any case."""
        ...


class PlainWrite(PlainRequest, Protocol):
    """A write, with what it does if it is allowed."""

    async def perform(self, request: "plain.PlainRequest") -> "Reply":
        """Do it, and answer. Raises ``Problem``."""
        ...


@runtime_checkable
class SupportsPlain(Face, Protocol):
    """An ability of a face: to read the plainest of requests without what all others need.

    Each is parsed and authenticated as ``parse`` and ``authenticate`` would, with no effect on anything. None for all
    that is not plain, refusals included: the request then goes the way of all others.
    """

    def read_plainly(self, requests: "Sequence[plain.PlainRequest]") -> "Sequence[PlainRead | None]":
        """For each, in their order, whether it is a read of something small."""
        ...

    def write_plainly(self, request: "plain.PlainRequest") -> PlainWrite | None:
        """A write of something small, all of whose content has arrived."""
        ...


@runtime_checkable
class SupportsOtherOrigins(Protocol):
    """An ability of a face: pages of other origins may read its answers, where something says so."""

    async def answer_across(self, context: "Context", reply: "Reply") -> "Reply":
        """``reply`` with the headers for such a page; asked only where the request names its ``Origin``."""
        ...
