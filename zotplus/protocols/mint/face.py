"""The face at ``/_/oidc/``: what a token must be made for, and an access token for one that fits a trust.

Tools that publish to package indexes know these two addresses: they ask for the audience, get a token for it from their
CI system, and exchange that. ``trust`` names the trust, in the query and in the document; without it the one that fits.

Spec: PyPI documentation, "The manual way" of trusted publishing (minting an API token).
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import FaultType, Problem
from zotplus.domain.percent import decode
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import undenied
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.ports.identity import TokenFault, TokenRefused

BODY_MAX_BYTES = 65_536
_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
_UNPROCESSABLE = 422
_TRUST_SHOWN = 128  # as many characters as a name has; the query may hold many more
_SERVER_FAULT = 500

# The words of PyPI's own answers, for tools that show or compare them.
_OF_TOKENS = {TokenFault.TRUST: "invalid-publisher", TokenFault.REPLAYED: "invalid-reuse-token"}


class Asked(msgspec.Struct, frozen=True):
    """A request; ``trust`` is from the query."""

    trust: str = ""

    def needs(self) -> tuple[()]:
        """Nothing: the token is in the body."""
        return ()


class AudienceDocument(msgspec.Struct, frozen=True):
    """What a token must be made for."""

    audience: str


class MintRequest(msgspec.Struct, frozen=True):
    """A token to exchange, and the trust under which."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    trust: Annotated[str, msgspec.Meta(max_length=128)] = ""


class MintDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The new token; ``expires`` is in seconds since the epoch."""

    success: bool = True
    message: str = "Token minted."
    token: str
    expires: int


class ErrorItem(msgspec.Struct, frozen=True):
    """One reason of a refusal."""

    code: str
    description: str


class ErrorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal."""

    message: str
    errors: tuple[ErrorItem, ...]
    request_id: str


class MintFace:
    """As ``gateway.route.Face``."""

    name = "mint"
    request_id_header = "X-Request-Id"

    def __init__(self) -> None:
        audience = Route(
            name="GetAudience",
            method="GET",
            template="/_/oidc/audience",
            summary="Ask what a token must be made for.",
            handle=self._audience,
            public=True,
        )
        mint = Route(
            name="MintToken",
            method="POST",
            template="/_/oidc/mint-token",
            summary="Exchange a CI job's token for an access token.",
            handle=self._mint,
            public=True,
            takes_body=True,
        )
        self.routes: Sequence[Route] = (audience, mint)

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """As ``Face.parse``."""
        path = head.raw_path.removesuffix("/")
        found = [route for route in self.routes if route.template == path]
        if not found:
            raise Problem(errors.ROUTE_NOT_FOUND)
        if found[0].method != head.method:
            raise Problem(errors.METHOD_NOT_ALLOWED, f"This address takes {found[0].method}.", allow=found[0].method)
        return found[0], Asked(_trust(head.raw_query))

    async def authenticate(self, _context: Context) -> Principal:
        """Nobody: the token is in the body."""
        return NOBODY

    def render(self, problem: Problem, context: Context) -> Reply:
        """As ``Face.render``: PyPI's error document, with its 422 for whatever is wrong with a token."""
        code, status = problem.fault.code.replace("_", "-"), problem.fault.status
        if isinstance(problem, TokenRefused):
            code = _OF_TOKENS.get(problem.token_fault, "invalid-token")
        elif problem.fault is errors.TOKEN_INVALID:
            code = "invalid-token"
        elif problem.fault is errors.JSON_MALFORMED:
            code = "invalid-payload"
        if problem.fault.type in (FaultType.AUTHENTICATION, FaultType.VALIDATION) and "allow" not in problem.fields:
            status = _UNPROCESSABLE
        headers = [*_HEADERS, ("X-Zotplus-Fault", problem.fault.code)]
        if "allow" in problem.fields:
            headers.append(("Allow", str(problem.fields["allow"])))
        if problem.retry_after is not None:
            headers.append(("Retry-After", str(problem.retry_after)))
        message = "Token request failed." if status < _SERVER_FAULT else problem.fault.message
        reason = ErrorItem(code, problem.detail.encode("utf-8", "backslashreplace").decode())
        document = ErrorDocument(message=message, errors=(reason,), request_id=context.request_id)
        body = b"" if context.head.method == "HEAD" else msgspec.json.encode(document)
        return Reply(status=status, headers=tuple(headers), body=body)

    async def _audience(self, context: Context, operation: Operation) -> Reply:
        trust = operation.trust if isinstance(operation, Asked) else ""
        audience = await context.services.federation.trusts.audience(trust)
        return Reply(headers=_HEADERS, body=msgspec.json.encode(AudienceDocument(audience)))

    async def _mint(self, context: Context, operation: Operation) -> Reply:
        content = await context.body.read(BODY_MAX_BYTES)
        try:
            asked = msgspec.json.decode(content, type=MintRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            detail = 'The body is {"token": "…"}, and "trust" beside it where a trust is to be named.'
            raise Problem(errors.JSON_MALFORMED, detail) from problem
        trust = asked.trust or (operation.trust if isinstance(operation, Asked) else "")
        context.log["exchanged_for"] = trust[:_TRUST_SHOWN] or "whatever fits"
        exchange = context.services.federation.exchange
        context.principal, issued = await exchange.access_token(asked.token, trust, undenied(context))
        document = MintDocument(token=issued.token, expires=issued.expires)
        return Reply(headers=_HEADERS, body=msgspec.json.encode(document))


def _trust(raw_query: str) -> str:
    for part in raw_query.split("&"):
        name, _, value = part.partition("=")
        if name == "trust":
            return decode(value)
    return ""
