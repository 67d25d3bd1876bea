"""The face of the security token service: ``/sts`` on the main port, and the root of the S3 port.

Clients that know one address for all services post to that of S3, where a form is told from S3's own requests.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.arns import ACCOUNT, arn_of_principal
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import authorise, undenied
from zotplus.gateway.queries.reading import Parameters, read_parameters, require_version
from zotplus.gateway.queries.signing import signer
from zotplus.gateway.queries.writing import answer, element, group, moment, refuse
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.sts.form import FORM_MAX_BYTES, VERSION, parse_assume_role, parse_own_session, parse_role
from zotplus.protocols.sts.wire import NAMESPACE, wire_of
from zotplus.services.federation.exchange import SELF
from zotplus.services.federation.federation import SESSION_NAME_KEY
from zotplus.services.federation.roles import Asked
from zotplus.services.federation.sessions import Session

SERVICE: Final = "sts"
_READABLE = frozenset({"GetCallerIdentity"})
Answer = Callable[[Context, Parameters, bytes], Awaitable[Reply]]

_ACTIONS: tuple[tuple[str, Action, str], ...] = (
    (
        "AssumeRoleWithWebIdentity",
        actions.STS_ASSUME_ROLE_WITH_WEB_IDENTITY,
        "Exchange a token of a trusted issuer for a session.",
    ),
    ("AssumeRole", actions.STS_ASSUME_ROLE, "Take a role by an access key."),
    ("GetSessionToken", actions.STS_GET_SESSION_TOKEN, "Get a session for one's own access key."),
    ("GetCallerIdentity", actions.STS_GET_CALLER_IDENTITY, "Ask who the credentials belong to."),
)


class Nothing(msgspec.Struct, frozen=True):
    """What is known of a request before its body is read."""

    def needs(self) -> tuple[()]:
        """Nothing: whoever has a token or a signature is who they are."""
        return ()


class StsFace:
    """As ``gateway.route.Face``."""

    name = "sts"
    request_id_header = "x-amzn-RequestId"

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {
            "AssumeRoleWithWebIdentity": self._assume,
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._take,
            "GetSessionToken": self._own,
        }
        self._by_method = {
            method: Route(
                name="SecurityTokenService",
                method=method,
                template="/sts",
                summary="Exchange tokens for sessions, and ask who credentials belong to.",
                handle=self._handle,
                public=True,
                takes_body=method == "POST",
            )
            for method in ("POST", "GET")
        }
        self._by_action = {
            name: Route(
                name=name,
                method="POST",
                template="/sts",
                summary=summary,
                handle=self._handle,
                action=action,
                public=True,
                takes_body=True,
            )
            for name, action, summary in _ACTIONS
        }
        self.routes: Sequence[Route] = (*self._by_method.values(), *self._by_action.values())

    def parse(self, head: RequestHead) -> tuple[Route, Operation]:
        """As ``Face.parse``; the action is in the body."""
        route = self._by_method.get(head.method)
        if route is None:
            raise Problem(errors.METHOD_NOT_ALLOWED, "This address takes POST and GET.", allow="POST, GET")
        return route, Nothing()

    async def authenticate(self, _context: Context) -> Principal:
        """Nobody yet: the token is in the body, and a signature covers it."""
        return NOBODY

    def render(self, problem: Problem, context: Context) -> Reply:
        """As ``Face.render``: the ``ErrorResponse`` document."""
        return refuse(problem, context, wire_of(problem))

    async def _handle(self, context: Context, _operation: Operation) -> Reply:
        parameters, body = await read_parameters(context, _READABLE, FORM_MAX_BYTES)
        action = parameters.get("Action", "")
        found = self._answers.get(action)
        if found is None:
            known = ", ".join(self._answers)
            raise Problem(errors.OPERATION_UNKNOWN, f"The action {action[:64]!r} is not one of {known}.")
        context.route = self._by_action.get(action, context.route)
        require_version(parameters, VERSION)
        return await found(context, parameters, body)

    async def _assume(self, context: Context, parameters: Parameters, _body: bytes) -> Reply:
        wanted = parse_assume_role(parameters)
        context.log |= {"exchanged_for": wanted.role, "session": wanted.name}
        made = await context.services.federation.assume(wanted, undenied(context))
        session, exchanged = made.session, made.exchanged
        context.principal = made.principal
        context.log["session_key"] = session.access_key
        members = [
            _credentials(session),
            element("SubjectFromWebIdentityToken", exchanged.subject),
            _assumed(made.principal, exchanged.role, wanted.name),
            _fill(session),
            element("Provider", exchanged.issuer),
            element("Audience", exchanged.audience),
        ]
        return answer("AssumeRoleWithWebIdentity", members, context, NAMESPACE)

    async def _identity(self, context: Context, _parameters: Parameters, body: bytes) -> Reply:
        principal = await signer(context, body, SERVICE)
        members = [
            element("Arn", arn_of(principal)),
            element("UserId", _user_id(principal)),
            element("Account", ACCOUNT),
        ]
        return answer("GetCallerIdentity", members, context, NAMESPACE)

    async def _take(self, context: Context, parameters: Parameters, body: bytes) -> Reply:
        """AssumeRole: a role that one was allowed to take, or one's own self within a policy."""
        principal = await signer(context, body, SERVICE)
        _refuse_chain(principal)
        asked = parse_role(parameters)
        action = actions.STS_GET_SESSION_TOKEN if asked.role == SELF else actions.STS_ASSUME_ROLE
        session, holder = await self._taken(context, asked, action)
        members = [_credentials(session), _assumed(holder, asked.role, asked.name), _fill(session)]
        return answer("AssumeRole", members, context, NAMESPACE)

    async def _own(self, context: Context, parameters: Parameters, body: bytes) -> Reply:
        """GetSessionToken."""
        _refuse_chain(await signer(context, body, SERVICE))
        session, _ = await self._taken(context, parse_own_session(parameters), actions.STS_GET_SESSION_TOKEN)
        return answer("GetSessionToken", [_credentials(session)], context, NAMESPACE)

    async def _taken(self, context: Context, asked: Asked, action: Action) -> tuple[Session, Principal]:
        """The session asked for, where a policy allows ``action`` on the role."""
        context.log |= {"exchanged_for": asked.role, "session": asked.name}
        gate = msgspec.structs.replace(self._by_action["GetSessionToken"], action=action, public=False)
        authorise(context, gate, (Need(action.name, f"sts:{asked.role}"),))
        made = await context.services.federation.roles.take(context.principal, asked)
        context.log["session_key"] = made.session.access_key
        return made.session, made.principal


def _refuse_chain(principal: Principal) -> None:
    if principal.credential.startswith("session "):
        raise Problem(errors.ACCESS_DENIED, "A session cannot take another role (role chaining).")


def _credentials(session: Session) -> str:
    return group(
        "Credentials",
        [
            element("AccessKeyId", session.access_key),
            element("SecretAccessKey", session.secret),
            element("SessionToken", session.token),
            element("Expiration", moment(session.expires)),
        ],
    )


def _assumed(holder: Principal, role: str, name: str) -> str:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"
    return group("AssumedRoleUser", [element("AssumedRoleId", f"{holder.id}:{name}"), element("Arn", arn)])


def _fill(session: Session) -> str:
    return element("PackedPolicySize", max(1, round(session.fill * 100)))


def arn_of(principal: Principal) -> str:
    """The name that AWS clients show for ``principal``."""
    session_name = principal.attributes.get(SESSION_NAME_KEY)
    if session_name:
        role = principal.name if principal.kind is PrincipalKind.TRUST else SELF
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session_name[0]}"
    own = [name for name in principal.names if name.startswith(USER_PREFIX)]
    return arn_of_principal(own[0] if own else principal.id)


def _user_id(principal: Principal) -> str:
    session_name = principal.attributes.get(SESSION_NAME_KEY)
    return f"{principal.id}:{session_name[0]}" if session_name else principal.id
