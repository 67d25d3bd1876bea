"""The face: finds the endpoint, knows the caller by Basic authentication, and renders problems as RFC 9457 says."""

from collections.abc import Sequence

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.principals import Principal
from zotplus.gateway.context import Context
from zotplus.gateway.credentials import caller
from zotplus.gateway.head import RequestHead
from zotplus.gateway.openapi import openapi
from zotplus.gateway.problems import render_problem
from zotplus.gateway.queries.signing import is_signed_for
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.api import grants, keys, login, maintenance, server, tokens
from zotplus.protocols.api.audit import endpoints as audit
from zotplus.protocols.api.buckets import copies
from zotplus.protocols.api.buckets import managing as buckets
from zotplus.protocols.api.encryption import endpoints as encryption
from zotplus.protocols.api.endpoint import Call, Endpoint, describe, route_of
from zotplus.protocols.api.events import endpoints as events
from zotplus.protocols.api.federation import sessions, trusts
from zotplus.protocols.api.links import endpoints as links
from zotplus.protocols.api.matching import Matcher, Row, fill
from zotplus.protocols.api.policies import applying, explaining, managing

PREFIX = "/api/v1"
ENDPOINTS: tuple[Endpoint, ...] = (
    *server.ENDPOINTS,
    *login.ENDPOINTS,
    *keys.ENDPOINTS,
    *grants.ENDPOINTS,
    *tokens.ENDPOINTS,
    *links.ENDPOINTS,
    *buckets.ENDPOINTS,
    *copies.ENDPOINTS,
    *maintenance.ENDPOINTS,
    *audit.ENDPOINTS,
    *events.ENDPOINTS,
    *encryption.ENDPOINTS,
    *trusts.ENDPOINTS,
    *sessions.ENDPOINTS,
    *managing.ENDPOINTS,
    *applying.ENDPOINTS,
    *explaining.ENDPOINTS,
)


class ApiFace:
    """The administration API under ``/api/v1``, and ``/openapi.json`` at the root."""

    name = "api"
    request_id_header = "X-Request-Id"

    def __init__(self) -> None:
        rows = [(endpoint, route_of(endpoint, PREFIX)) for endpoint in ENDPOINTS]
        described = openapi("zotplus", server.VERSION, [describe(endpoint, route) for endpoint, route in rows])
        self._document = msgspec.json.encode(described)
        documents = [self._document_route(template) for template in ("/openapi.json", f"{PREFIX}/openapi.json")]
        self.routes: Sequence[Route] = (*documents, *(route for _, route in rows))
        self._matcher = Matcher([*map(_public_row, documents), *(_row(endpoint, route) for endpoint, route in rows)])

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """Find the endpoint. Raises as ``Matcher.match``."""
        try:
            found = self._matcher.match(head)
        except Problem as problem:
            if problem.fault is errors.ROUTE_NOT_FOUND:
                raise Problem(errors.ROUTE_NOT_FOUND, _where_amazon_is(head)) from problem
            raise
        route = found.row.route
        need = None if route.action is None else Need(route.action.name, fill(found.row.resource, found.path))
        return route, Call(need=need, path=found.path, query=found.query)

    async def authenticate(self, context: Context) -> Principal:
        """The holder of an access key or robot token; anonymous without a header. Raises the credentials' problems."""
        return await caller(context)

    def render(self, problem: Problem, context: Context) -> Reply:
        """An ``application/problem+json`` document."""
        return render_problem(problem, context)

    def _document_route(self, template: str) -> Route:
        return Route(
            name="OpenApi",
            method="GET",
            template=template,
            summary="Read this API's OpenAPI document.",
            handle=self._serve_document,
            public=True,
        )

    async def _serve_document(self, _context: Context, _operation: Operation) -> Reply:
        return Reply(headers=(("Content-Type", "application/json"),), body=self._document)


def _where_amazon_is(head: RequestHead) -> str:
    """What a client of Amazon's protocols lacks that was given this port without the path; empty for all others."""
    service = next((name for name in ("s3", "sts", "iam") if is_signed_for(head, name)), "")
    if not service and not any(part.startswith("Action=") for part in head.raw_query.split("&")):
        return ""
    return (
        "There is nothing at this address. S3 is below /s3 of this port, which is the endpoint for STS and IAM too "
        "(AWS_ENDPOINT_URL ends in /s3), and at the root of the port of S3 (s3.port)."
    )


def _row(endpoint: Endpoint, route: Route) -> Row:
    return Row(route=route, resource=endpoint.resource, query=frozenset(query.name for query in endpoint.query))


def _public_row(route: Route) -> Row:
    return Row(route=route)
