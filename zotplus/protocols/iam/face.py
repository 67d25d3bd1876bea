"""The face: ``/iam`` on the main port, and the addresses of S3 for forms that are signed for this service.

Spec: AWS IAM API Reference (2010-05-08).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Fault, Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.arns import arn_of_principal
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import authorise
from zotplus.gateway.queries.reading import Parameters, read_parameters, require_version
from zotplus.gateway.queries.refusing import code_of
from zotplus.gateway.queries.signing import signer
from zotplus.gateway.queries.writing import Wire, answer, element, group, refuse
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation as RouteOperation
from zotplus.gateway.route import Route
from zotplus.protocols.iam import policies, users
from zotplus.protocols.iam.operations import Operation

SERVICE: Final = "iam"
VERSION: Final = "2010-05-08"
NAMESPACE: Final = "https://iam.amazonaws.com/doc/2010-05-08/"
FORM_MAX_BYTES: Final = 262_144
"""A policy of 64 KiB, percent-encoded, and the other parameters."""
OPERATIONS: tuple[Operation, ...] = (*users.OPERATIONS, *policies.OPERATIONS)

_CODES: dict[Fault, tuple[str, int]] = {
    errors.RECORD_NOT_FOUND: ("NoSuchEntity", 404),
    errors.RECORD_EXISTS: ("EntityAlreadyExists", 409),
    errors.POLICY_ATTACHED: ("DeleteConflict", 409),
    errors.USER_IN_USE: ("DeleteConflict", 409),
    errors.USER_KEYS_EXCEEDED: ("LimitExceeded", 409),
    errors.LAST_ADMINISTRATOR: ("UnmodifiableEntity", 400),
}
_READABLE = frozenset({row.name for row in OPERATIONS if not row.action.writes})
# Actions that are about the caller's own user where they name none.
_OWN = frozenset({"GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"})


class Form:
    """What is known of a request before its body is read."""

    def needs(self) -> tuple[()]:
        """Nothing yet: the action is in the body, and so is what it is about."""
        return ()


class IamFace:
    """As ``gateway.route.Face``."""

    name = "iam"
    request_id_header = "x-amzn-RequestId"

    def __init__(self) -> None:
        self._entry = Route(
            name="IdentityAndAccessManagement",
            method="POST",
            template="/iam",
            summary="Manage users, access keys and policies.",
            handle=self._handle,
            action=actions.ADMIN_LIST_USERS,
            decides=True,
            takes_body=True,
        )
        self._known = {row.name: (row, self._route(row)) for row in OPERATIONS}
        self.routes: Sequence[Route] = (self._entry, *[route for _, route in self._known.values()])

    def _route(self, row: Operation) -> Route:
        return Route(
            name=row.name,
            method="POST",
            template="/iam",
            summary=row.summary,
            handle=self._handle,
            action=row.action,
            decides=True,
            takes_body=True,
        )

    def parse(self, head: RequestHead) -> tuple[Route, RouteOperation]:
        """As ``Face.parse``; the action is in the body."""
        if head.method not in ("POST", "GET"):
            raise Problem(errors.METHOD_NOT_ALLOWED, "This address takes POST and GET.", allow="POST, GET")
        return self._entry, Form()

    async def authenticate(self, _context: Context) -> Principal:
        """Nobody yet: the signature covers the body."""
        return NOBODY

    def render(self, problem: Problem, context: Context) -> Reply:
        """As ``Face.render``: the ``ErrorResponse`` document."""
        return refuse(problem, context, Wire(*code_of(problem, _CODES), NAMESPACE))

    async def _handle(self, context: Context, _operation: RouteOperation) -> Reply:
        """Raises ``ACCESS_DENIED`` before anything is told of what the action is about."""
        parameters, body = await read_parameters(context, _READABLE, FORM_MAX_BYTES)
        principal = await signer(context, body, SERVICE)
        action = parameters.get("Action", "")
        found = self._known.get(action)
        if found is None:
            raise Problem(errors.OPERATION_UNKNOWN, f"Could not find operation {action[:64]}.")
        row, context.route = found
        require_version(parameters, VERSION)
        if action in _OWN and not parameters.get("UserName"):
            own = _own_user(principal)
            if own is None and action == "GetUser":
                return self._caller(context)
            parameters = _named(parameters, own)
        authorise(context, context.route, row.needs(parameters))
        row.check(parameters)
        return answer(action, await row.work(context, parameters), context, NAMESPACE)

    def _caller(self, context: Context) -> Reply:
        """Who asks, where that is no user: what clients ask for to learn the account."""
        principal = context.principal
        route = self._known["GetUser"][1]
        asked = msgspec.structs.replace(route, action=actions.STS_GET_CALLER_IDENTITY)
        authorise(context, asked, (Need(actions.STS_GET_CALLER_IDENTITY.name, "sts:self"),))
        user = [
            element("Path", "/"),
            element("UserName", principal.name or principal.id),
            element("UserId", principal.id),
            element("Arn", arn_of_principal(principal.id)),
        ]
        return answer("GetUser", [group("User", user)], context, NAMESPACE)


def _own_user(principal: Principal) -> str | None:
    """The user whose key the caller has."""
    for name in principal.names:
        if name.startswith(USER_PREFIX):
            return name.removeprefix(USER_PREFIX)
    return None


def _named(parameters: Parameters, own: str | None) -> Parameters:
    if own is None:
        detail = "Must specify userName when calling with non-User credentials"
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="UserName")
    return {**parameters, "UserName": own}
