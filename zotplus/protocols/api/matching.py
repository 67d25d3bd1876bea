"""From a request's head to the row of the table that serves it."""

from collections.abc import Mapping, Sequence

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.percent import decode
from zotplus.gateway.head import RequestHead
from zotplus.gateway.route import Route


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What matching needs to know of an endpoint: ``query`` are the names of the parameters that it takes."""

    route: Route
    resource: str = ""
    query: frozenset[str] = frozenset()


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The row that serves a request, with the decoded parameters of path and query."""

    row: Row
    path: dict[str, str]
    query: dict[str, str]


class Matcher:
    """Finds rows by method and path in time bounded by the table's length, whatever is asked."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = [(tuple(row.route.template.split("/")), row) for row in rows]

    def match(self, head: RequestHead) -> Match:
        """The row for ``head``.

        Raises ``ROUTE_NOT_FOUND``, ``METHOD_NOT_ALLOWED`` (field ``allow``), ``PATH_INVALID``, ``ARGUMENT_INVALID``.
        """
        segments = tuple(head.raw_path.split("/"))
        found = [(template, row) for template, row in self._rows if _fits(template, segments)]
        if not found:
            raise Problem(errors.ROUTE_NOT_FOUND)
        for template, row in found:
            if row.route.method == head.method:
                path = _parameters(template, segments)
                return Match(row=row, path=path, query=_query(head.raw_query, row.query))
        allow = ", ".join(sorted(row.route.method for _, row in found))
        raise Problem(errors.METHOD_NOT_ALLOWED, f"This address takes {allow}.", allow=allow)


def fill(resource: str, path: Mapping[str, str]) -> str:
    """``resource`` with its ``{name}`` replaced by the path's parameter."""
    head, brace, name = resource.partition("{")
    return head + path[name.removesuffix("}")] if brace else resource


def _fits(template: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    if len(template) != len(segments):
        return False
    return all(
        bool(segment) if _is_parameter(wanted) else wanted == segment
        for wanted, segment in zip(template, segments, strict=True)
    )


def _is_parameter(part: str) -> bool:
    return part.startswith("{")


def _parameters(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str]:
    pairs = zip(template, segments, strict=True)
    return {wanted[1:-1]: _text(segment) for wanted, segment in pairs if _is_parameter(wanted)}


def _query(raw_query: str, known: frozenset[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in raw_query.split("&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition("=")
        name = _text(raw_name)
        if name not in known:
            raise Problem(errors.ARGUMENT_INVALID, "A query parameter is not known here.", argument=name[:100])
        if name in values:
            raise Problem(errors.ARGUMENT_INVALID, f"The query parameter {name} is given twice.", argument=name)
        values[name] = _text(raw_value.replace("+", " "))
    return values


def _text(raw: str) -> str:
    """``raw`` decoded once. Raises ``PATH_INVALID`` also for NUL, which no name may hold."""
    text = decode(raw)
    if "\0" in text:
        raise Problem(errors.PATH_INVALID, "The path holds a NUL.")
    return text
