"""The face of the distribution API and its token server."""

from collections.abc import Sequence

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.credentials import authorization, basic, require_own_page
from zotplus.gateway.head import RequestHead
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.ports.identity import TokenRefused
from zotplus.ports.upstream import Upstream
from zotplus.protocols.oci.addresses import parse_path, parse_query
from zotplus.protocols.oci.catalog import CatalogHandler
from zotplus.protocols.oci.challenges import challenge, realm_of
from zotplus.protocols.oci.forwarding import API_VERSION, Forwarding
from zotplus.protocols.oci.operations import Bare, Catalog
from zotplus.protocols.oci.routes import api_routes, token_routes
from zotplus.protocols.oci.scopes import catalog_need, scopes_for
from zotplus.protocols.oci.token_server import TokenServer
from zotplus.protocols.oci.wire import code_of, encode, error_document, oauth2_error
from zotplus.services.tokens.registry_tokens import RegistryTokens, Scope, TokenPrincipal

_UNAUTHORIZED = 401
_BAD_REQUEST = 400


class OciFace:
    """Owns ``/v2``, everything under ``/v2/``, and the token server under ``/auth/``.

    ``external_url`` is the address that clients use (``https://registry.example.com``); without it the challenge names
    the host that the request came to.
    """

    name = "oci"
    request_id_header = "X-Request-Id"

    def __init__(self, upstream: Upstream, tokens: RegistryTokens, external_url: str | None = None) -> None:
        self._tokens = tokens
        self._external_url = external_url
        self._table = api_routes(Forwarding(upstream), CatalogHandler(upstream))
        self._token_routes = token_routes(TokenServer(tokens))
        self.routes: Sequence[Route] = (
            *self._token_routes.values(),
            *(entry.route for entry in self._table.values()),
        )

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """Find the route; see ``Face.parse``."""
        if _is_token_server(head):
            return self._parse_token(head)
        address = parse_path(head.raw_path)
        entry = self._table.get((address.kind, head.method))
        if entry is None:
            allow = ", ".join(method for kind, method in self._table if kind is address.kind)
            raise Problem(errors.METHOD_NOT_ALLOWED, f"This address takes {allow}.", allow=allow)
        return entry.route, entry.operation(address, parse_query(head.raw_query))

    async def authenticate(self, context: Context) -> Principal:
        """Bearer (a token from here, or of an issuer) or Basic.

        Without credentials nobody comes in, not even to what is public: clients take a token, if only an anonymous one,
        when they are asked to, and never otherwise. Raises ``CREDENTIALS_MISSING`` and what the schemes raise.
        """
        if _is_token_server(context.head):
            return NOBODY
        scheme, value = authorization(context.head.headers)
        callers = context.services.callers
        if scheme == "bearer":
            return await callers.by_registry_token(value)
        if scheme == "basic":
            require_own_page(context.head)
            return await callers.by_password(*basic(value), context.head.peer)
        raise Problem(errors.CREDENTIALS_MISSING)

    def render(self, problem: Problem, context: Context) -> Reply:
        """``problem`` as JSON; with the one challenge where credentials, or a wider token, would help."""
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), API_VERSION]
        fault = problem.fault
        if "allow" in problem.fields:
            headers.append(("Allow", str(problem.fields["allow"])))
        if problem.retry_after is not None:
            headers.append(("Retry-After", str(problem.retry_after)))
        document = error_document(problem, code_of(problem), context.request_id)
        status = fault.status
        if _is_token_server(context.head):
            if isinstance(problem, TokenRefused) and context.head.method == "POST":
                status = _BAD_REQUEST  # RFC 6749 5.2: the grant is refused, not the client
            if status == _UNAUTHORIZED:
                headers.append(("WWW-Authenticate", 'Basic realm="zotplus", charset="UTF-8"'))
            if context.head.method == "POST":
                document |= oauth2_error(problem)
        else:
            route, operation = self._parsed(context)
            error = _challenge_error(problem, context, operation)
            if status == _UNAUTHORIZED or error:
                status = _UNAUTHORIZED
                scopes = scopes_for(route, operation) if route is not None else ()
                headers.append(("WWW-Authenticate", self._challenge(context, scopes, error)))
                document["errors"][0]["code"] = "UNAUTHORIZED"
        return Reply(status=status, headers=tuple(headers), body=encode(document))

    def _parse_token(self, head: RequestHead) -> tuple[Route, Operation]:
        route = self._token_routes.get((head.raw_path, head.method))
        if route is not None:
            return route, Bare()
        allow = ", ".join(method for path, method in self._token_routes if path == head.raw_path)
        if not allow:
            raise Problem(errors.ROUTE_NOT_FOUND)
        raise Problem(errors.METHOD_NOT_ALLOWED, f"This address takes {allow}.", allow=allow)

    def _parsed(self, context: Context) -> tuple[Route | None, Operation]:
        """The operation again, for its scopes: a refusal is rare, and the context carries no operation."""
        try:
            return self.parse(context.head)
        except Problem:
            return None, Bare()

    def _challenge(self, context: Context, scopes: tuple[Scope, ...], error: str) -> str:
        realm = realm_of(context.head, self._external_url)
        return challenge(realm, self._tokens.settings.service, scopes, error)


def _is_token_server(head: RequestHead) -> bool:
    return head.raw_path.startswith("/auth/")


def _challenge_error(problem: Problem, context: Context, operation: Operation) -> str:
    """The ``error`` of the challenge (RFC 6750 3.1); empty where there is none.

    ``insufficient_scope`` tells the holder of a token that another one, for the same identity, would do.
    """
    if problem.fault == errors.TOKEN_INVALID:
        return "invalid_token"
    principal = context.principal
    if problem.fault != errors.ACCESS_DENIED or not isinstance(principal, TokenPrincipal):
        return ""
    if isinstance(operation, Catalog):
        return "" if principal.covers(catalog_need()) else "insufficient_scope"
    needs = operation.needs()
    return "insufficient_scope" if needs and all(principal.whole.may(need, context) for need in needs) else ""
