"""One operation as a row of the table: its route, and when a request means it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import msgspec

from zotplus.domain.actions import Action
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.s3.request import Level, Request

T = TypeVar("T", bound=Operation)

Handler = Callable[[Context, Operation], Awaitable[Reply]]

COPY_SOURCE = "x-amz-copy-source"
COPY_RANGE = "x-amz-copy-source-range"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A route and when it is meant: ``query`` are the selectors that it needs, ``also`` those that it understands.

    ``headers`` are what the names of headers begin with that it understands and others refuse (``x-amz-object-lock-``).
    """

    route: Route
    level: Level
    parse: Callable[[Request], Operation]
    query: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    header: str = ""
    headers: tuple[str, ...] = ()


class When(msgspec.Struct, frozen=True, kw_only=True):
    """When a row is meant: ``query`` and ``also`` are selectors with spaces between, ``header`` one that is needed.

    ``headers`` are, with spaces between, the headers that it understands besides those that every operation does.
    """

    level: Level
    method: str
    query: str = ""
    also: str = ""
    header: str = ""
    headers: str = ""


class What(msgspec.Struct, frozen=True, kw_only=True):
    """The route of a row: as ``gateway.route.Route``."""

    name: str
    summary: str
    action: Action
    version_action: Action | None = None
    decides: bool = False
    takes_body: bool = False
    immediate: bool = False


_TEMPLATES = {Level.SERVICE: "/", Level.BUCKET: "/{bucket}", Level.OBJECT: "/{bucket}/{key+}"}


def row(when: When, what: What, parse: Callable[[Request], T], handle: Callable[[Context, T], Awaitable[Reply]]) -> Row:
    """The row for ``parse`` and ``handle``, which makes the operation's template from its selectors."""
    names = when.query.split()
    query = "&".join([f"{name}={{{name}}}" if name in ("uploadId", "partNumber") else name for name in names])
    route = Route(
        name=what.name,
        method=when.method,
        template=_TEMPLATES[when.level] + (f"?{query}" if query else ""),
        summary=what.summary,
        handle=cast("Handler", handle),  # the row hands it what its own parse made
        action=what.action,
        version_action=what.version_action,
        decides=what.decides,
        takes_body=what.takes_body,
        immediate=what.immediate,
    )
    return Row(
        route=route,
        level=when.level,
        parse=parse,
        query=frozenset(names),
        also=frozenset(when.also.split()),
        header=when.header,
        headers=tuple(when.headers.split()),
    )
