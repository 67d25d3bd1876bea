"""The face of the security token service: ``/sts`` on the main port, and the root of the S3 port.

Clients that know one address for all services post to that of S3, where a form is told from S3's own requests.
"""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.domain.signatures.payloads import UNSIGNED_PAYLOAD
from zotplus.domain.signatures.sigv4 import Claim, ClaimKind, parse_authorization, verify
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import undenied
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.sts.form import (
    FORM_MAX_BYTES,
    Parameters,
    parse_assume_role,
    parse_parameters,
    require_version,
)
from zotplus.protocols.sts.wire import ACCOUNT, CONTENT_TYPE, element, group, moment, refusal, result
from zotplus.services.federation.federation import SESSION_NAME_KEY

FORM = "application/x-www-form-urlencoded"
SERVICE = "sts"
Answer = Callable[[Context, Parameters, bytes], Awaitable[Reply]]


class Nothing(msgspec.Struct, frozen=True):
    """What is known of a request before its body is read."""

    def needs(self) -> tuple[()]:
        """Nothing: whoever has a token or a signature is who they are."""
        return ()


def is_sts(head: RequestHead, root: str) -> bool:
    """Whether a request to S3's address, which is below ``root``, is one of this service.

    Clients that know one address for everything post there. S3 takes no form at its root, and has no actions.
    """
    path = head.raw_path
    if len(path) > len(root) + 1 or path not in (root, root + "/"):
        return False
    if head.method == "POST":
        return not head.raw_query and _media_type(head) == FORM
    return head.method == "GET" and any(part.startswith("Action=") for part in head.raw_query.split("&"))


class StsFace:
    """As ``gateway.route.Face``."""

    name = "sts"
    request_id_header = "x-amzn-RequestId"

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {
            "AssumeRoleWithWebIdentity": self._assume,
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._chain,
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
            for name, action, summary in (
                (
                    "AssumeRoleWithWebIdentity",
                    actions.STS_ASSUME_ROLE_WITH_WEB_IDENTITY,
                    "Exchange a token of a trusted issuer for a session.",
                ),
                ("GetCallerIdentity", actions.STS_GET_CALLER_IDENTITY, "Ask who the credentials belong to."),
            )
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
        status, body = refusal(problem, context.request_id)
        headers = [CONTENT_TYPE, ("Cache-Control", "no-store"), ("X-Zotplus-Fault", problem.fault.code)]
        if "allow" in problem.fields:
            headers.append(("Allow", str(problem.fields["allow"])))
        if problem.retry_after is not None:
            headers.append(("Retry-After", str(problem.retry_after)))
        return Reply(status=status, headers=tuple(headers), body=b"" if context.head.method == "HEAD" else body)

    async def _handle(self, context: Context, _operation: Operation) -> Reply:
        parameters, body = await self._parameters(context)
        action = parameters.get("Action", "")
        answer = self._answers.get(action)
        if answer is None:
            known = ", ".join(self._answers)
            raise Problem(errors.OPERATION_UNKNOWN, f"The action {action[:64]!r} is not one of {known}.")
        context.route = self._by_action.get(action, context.route)
        require_version(parameters)
        return await answer(context, parameters, body)

    async def _parameters(self, context: Context) -> tuple[Parameters, bytes]:
        """The parameters, and the body that a signature covers; a token in an address would end up in logs."""
        head = context.head
        if head.method == "GET":
            found = parse_parameters(head.raw_query)
            if found.get("Action") != "GetCallerIdentity":
                raise Problem(errors.METHOD_NOT_ALLOWED, "This action is asked for by POST.", allow="POST")
            return found, b""
        if _media_type(head) != FORM:
            raise Problem(errors.REQUEST_INVALID, f"The service takes {FORM}.")
        body = await context.body.read(FORM_MAX_BYTES)
        try:
            return parse_parameters(body.decode("ascii")), body
        except UnicodeDecodeError as problem:
            raise Problem(errors.REQUEST_INVALID, "The form is not percent-encoded.") from problem

    async def _assume(self, context: Context, parameters: Parameters, _body: bytes) -> Reply:
        wanted = parse_assume_role(parameters)
        context.log |= {"exchanged_for": wanted.role, "session": wanted.name}
        made = await context.services.federation.assume(wanted, undenied(context))
        session, exchanged = made.session, made.exchanged
        context.principal = made.principal
        context.log["session_key"] = session.access_key
        credentials = [
            element("AccessKeyId", session.access_key),
            element("SecretAccessKey", session.secret),
            element("SessionToken", session.token),
            element("Expiration", moment(session.expires)),
        ]
        members = [
            group("Credentials", credentials),
            element("SubjectFromWebIdentityToken", exchanged.subject),
            group(
                "AssumedRoleUser",
                [
                    element("AssumedRoleId", f"{made.principal.id}:{wanted.name}"),
                    element("Arn", f"arn:aws:sts::{ACCOUNT}:assumed-role/{exchanged.role}/{wanted.name}"),
                ],
            ),
            element("PackedPolicySize", max(1, round(session.fill * 100))),
            element("Provider", exchanged.issuer),
            element("Audience", exchanged.audience),
        ]
        return _answer("AssumeRoleWithWebIdentity", members, context)

    async def _identity(self, context: Context, _parameters: Parameters, body: bytes) -> Reply:
        principal = await self._signer(context, body)
        members = [
            element("Arn", arn_of(principal)),
            element("UserId", _user_id(principal)),
            element("Account", ACCOUNT),
        ]
        return _answer("GetCallerIdentity", members, context)

    async def _chain(self, context: Context, _parameters: Parameters, body: bytes) -> Reply:
        principal = await self._signer(context, body)
        if principal.credential.startswith("session "):
            raise Problem(errors.ACCESS_DENIED, "A session cannot take another role (role chaining).")
        raise Problem(errors.OPERATION_UNKNOWN, "AssumeRole is not offered to keys; take AssumeRoleWithWebIdentity.")

    async def _signer(self, context: Context, body: bytes) -> Principal:
        """Who signed the request. Raises the credentials' problems, ``CREDENTIALS_MISSING`` for nobody."""
        head = context.head
        claim = parse_authorization(head, service=SERVICE)
        if claim is None:
            raise Problem(errors.CREDENTIALS_MISSING)
        principal, secret = await context.services.callers.signer(claim.access_key, claim.session_token)
        verify(_with_payload(claim, body), head, secret, time.time())
        context.principal = principal
        return principal


def _with_payload(claim: Claim, body: bytes) -> Claim:
    """``claim`` over the body that came: this service has no unsigned payloads. Raises ``CONTENT_SHA256_MISMATCH``."""
    actual = hashlib.sha256(body).hexdigest()
    is_unsaid = not claim.payload_hash or (claim.kind is ClaimKind.PRESIGNED and claim.payload_hash == UNSIGNED_PAYLOAD)
    if is_unsaid:
        return msgspec.structs.replace(claim, payload_hash=actual)
    if not hmac.compare_digest(claim.payload_hash.lower(), actual):
        raise Problem(errors.CONTENT_SHA256_MISMATCH)
    return claim


def arn_of(principal: Principal) -> str:
    """The name that AWS clients show for ``principal``."""
    session_name = principal.attributes.get(SESSION_NAME_KEY)
    if session_name:
        role = principal.name if principal.kind is PrincipalKind.TRUST else "self"
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session_name[0]}"
    return f"arn:aws:iam::{ACCOUNT}:user/{principal.id}"


def _user_id(principal: Principal) -> str:
    session_name = principal.attributes.get(SESSION_NAME_KEY)
    return f"{principal.id}:{session_name[0]}" if session_name else principal.id


def _answer(action: str, members: Sequence[str], context: Context) -> Reply:
    headers = (CONTENT_TYPE, ("Cache-Control", "no-store"))
    return Reply(headers=headers, body=result(action, members, context.request_id))


def _media_type(head: RequestHead) -> str:
    return head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
