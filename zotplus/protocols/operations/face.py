"""``/health``, ``/health/live``, ``/health/ready`` and ``/metrics``: what kubelet and Prometheus ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import ADMIN_READ_METRICS
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.credentials import caller
from zotplus.gateway.head import RequestHead
from zotplus.gateway.problems import render_problem
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.operations.readiness import Readiness

Exposition = Callable[[], tuple[str, bytes]]
"""Content type and text of all metrics; reads files, so it runs in a thread."""

METRICS_NEED = Need(ADMIN_READ_METRICS.name, "admin:metrics")
_UNAVAILABLE = 503
_LIVE = msgspec.json.encode({"alive": True})


class MetricsAccess(Protocol):
    """The settings ``metrics``."""

    @property
    def public(self) -> bool:
        """Whether ``/metrics`` is open to everybody."""
        ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed request."""

    needed: tuple[Need, ...] = ()

    def needs(self) -> tuple[Need, ...]:
        """What must be allowed: nothing for health."""
        return self.needed


Handle = Callable[[Context, Operation], Awaitable[Reply]]


class OperationsFace:
    """The face of those who run the server."""

    name = "operations"
    request_id_header = "X-Request-Id"

    def __init__(self, readiness: Readiness, exposition: Exposition, metrics: MetricsAccess) -> None:
        self._readiness = readiness
        self._exposition = exposition
        ready = "Read whether metadata, blobs and upstream work; 503 names what does not."
        self.routes: Sequence[Route] = (
            _route("Health", "/health", ready, self._ready),
            _route("Live", "/health/live", "Read whether the process answers.", _live),
            _route("Ready", "/health/ready", ready, self._ready),
            Route(
                name="Metrics",
                method="GET",
                template="/metrics",
                summary="Read the metrics in Prometheus' text format.",
                handle=self._metrics,
                action=None if metrics.public else ADMIN_READ_METRICS,
                public=metrics.public,
            ),
        )
        self._by_path = {route.template: route for route in self.routes}

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """Find the route by its exact path. Raises ``ROUTE_NOT_FOUND``, ``METHOD_NOT_ALLOWED``."""
        route = self._by_path.get(head.raw_path)
        if route is None:
            raise Problem(errors.ROUTE_NOT_FOUND)
        if head.method not in {"GET", "HEAD"}:
            raise Problem(errors.METHOD_NOT_ALLOWED, "This address takes GET and HEAD.", allow="GET, HEAD")
        needed = () if route.public else (METRICS_NEED,)
        return route, Question(needed=needed)

    async def authenticate(self, context: Context) -> Principal:
        """Who asks; nobody is looked up for what is public."""
        if context.route is None or context.route.public:
            return NOBODY
        return await caller(context)

    def render(self, problem: Problem, context: Context) -> Reply:
        """An ``application/problem+json`` document."""
        return render_problem(problem, context)

    async def _ready(self, _context: Context, _operation: Operation) -> Reply:
        report = await self._readiness.report()
        return _reply(msgspec.json.encode(report), status=200 if report.ready else _UNAVAILABLE)

    async def _metrics(self, _context: Context, _operation: Operation) -> Reply:
        content_type, text = await asyncio.to_thread(self._exposition)
        return _reply(text, content_type=content_type)


async def _live(_context: Context, _operation: Operation) -> Reply:
    return _reply(_LIVE)


def _route(name: str, template: str, summary: str, handle: Handle) -> Route:
    return Route(name=name, method="GET", template=template, summary=summary, handle=handle, public=True)


def _reply(body: bytes, *, status: int = 200, content_type: str = "application/json") -> Reply:
    return Reply(status=status, headers=(("Content-Type", content_type), ("Cache-Control", "no-store")), body=body)
