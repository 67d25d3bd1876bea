"""The way of a request, as one function: parse, authenticate, look up what policies ask for, authorise, handle, render.

Every listener and every protocol comes through ``Pipeline.respond``; there is no second set of rules. What wraps it
(request id, access log, metrics, span, the bytes on the wire) is in ``gateway/transport/server.py``.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import structlog

from zotplus.domain import errors
from zotplus.domain.actions import STS_ASSUME_ROLE_WITH_WEB_IDENTITY
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Allowed, Denied, Layer, Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.auditing import UNAUDITED, AuditTrail
from zotplus.gateway.bodies import RequestBody
from zotplus.gateway.conditions.facts import gather, wants_facts
from zotplus.gateway.context import Context
from zotplus.gateway.head import Listener, RequestHead
from zotplus.gateway.limits import RequestLimits
from zotplus.gateway.plain import PlainRequest
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Face, Operation, PlainRead, PlainWrite, Route, SupportsOtherOrigins, SupportsPlain
from zotplus.ports.identity import TokenRefused
from zotplus.ports.telemetry import Finished
from zotplus.services.directory import Services
from zotplus.services.federation.exchange import SELF, Admit

log = structlog.get_logger("zotplus.pipeline")

Parsed = tuple[Route, Operation]

_STRIDE = 0x9E3779B1
"""Odd, so that adding it walks all 32-bit numbers before one comes again; the digits of neighbours look unlike."""

FaceOf = Callable[[RequestHead], Face]
"""Which face owns a request; ``app.py`` decides by listener, path prefix and host."""


Watch = Callable[[Context, Reply, tuple[int, int]], None]
"""Told of an answered request, its reply, and the bytes of its body and of the answer's."""


class Pipeline:
    """Serves requests with the given faces and services.

    ``audit`` is told of each when it has been answered; ``limits`` are those on what one caller asks (None: none).
    ``callers`` are the ids of all who were recognised since somebody emptied it. ``watch`` is told as the audit log is.
    ``plain_faces`` are those of plain requests, by where these come in.
    """

    def __init__(
        self,
        face_of: FaceOf,
        services: Services,
        audit: AuditTrail = UNAUDITED,
        limits: RequestLimits | None = None,
        plain_faces: Mapping[Listener, SupportsPlain] = MappingProxyType({}),
    ) -> None:
        self.audit = audit
        self.callers: set[str] = set()
        self.watch: Watch | None = None
        self._limits = limits
        self.plain_faces = plain_faces
        self._face_of = face_of
        self._services = services
        self._serial = random.getrandbits(32)
        self._immediate: dict[Face, bool] = {}

    def open(self, head: RequestHead, body: RequestBody) -> Context:
        """Begin a request: gives it its id and its face."""
        return Context(
            head=head,
            body=body,
            services=self._services,
            face=self._face_of(head),
            request_id=self._next_id(),
            started=time.perf_counter(),
        )

    def _next_id(self) -> str:
        """It begins with the second, so that the request's audit record is found without reading the log of years.

        The rest is unique within this process and starts anywhere, so that two processes hardly ever give the same.
        """
        self._serial = (self._serial + _STRIDE) & 0xFFFFFFFF
        return f"{int(time.time()) << 32 | self._serial:016X}"

    async def respond(self, context: Context) -> Reply:
        """Answer a request. Never raises ``Exception``: what goes wrong becomes a problem in the face's wire form."""
        reply = await self._answer(context, None)
        if "Origin" in context.head.headers and isinstance(context.face, SupportsOtherOrigins):
            return await self._across(context, context.face, reply)
        return reply

    def respond_at_once(self, context: Context) -> Reply | None:
        """The answer to an immediate read, by the same steps but without a task; None when it takes one after all.

        Nothing has happened then, and ``respond`` starts anew.
        """
        if not self._has_immediate(context.face) or "Origin" in context.head.headers:
            return None
        try:
            parsed = context.face.parse(context.head)
        except Problem:
            return None
        if not parsed[0].immediate:
            return None
        answering = self._answer(context, parsed)
        try:
            answering.send(None)
        except StopIteration as answered:
            reply: Reply = answered.value
            return reply
        answering.close()  # it waits for something; as it is a read, dropping it has no effect
        if self._limits is not None:
            self._limits.forget(context)
        return None

    def answer_plainly(self, face: SupportsPlain, requests: Sequence[PlainRequest]) -> Sequence[PlainRead | None]:
        """What answers each plain read that is allowed: the steps of ``_answer`` over what its face has read already.

        None leaves a request to them, and nothing has happened then.
        """
        for request in requests:
            request.face, request.services = face, self._services
        try:
            found = face.read_plainly(requests)
        except Exception:  # noqa: BLE001 - a problem or a fault of our own: told by whoever meets it again
            return [None] * len(requests)
        return [
            one if one and self._allows(one, request) else None for one, request in zip(found, requests, strict=True)
        ]

    def begin_plainly(self, face: SupportsPlain, request: PlainRequest) -> PlainWrite | None:
        """As ``answer_plainly`` for a write, which is still to be performed."""
        request.face, request.services = face, self._services
        try:
            found = face.write_plainly(request)
        except Exception:  # noqa: BLE001 - as above
            return None
        return found if found and self._allows(found, request) else None

    def _allows(self, found: PlainRead | PlainWrite, request: PlainRequest) -> bool:
        """Whether the request may be answered so; it has its principal, its id and what was decided then."""
        try:
            principal, need = found.principal, found.need
            if principal.policies.facts and wants_facts(principal, need):
                return False
            request.principal, request.route = principal, found.route
            request.request_id = self._next_id()
            decision = principal.decide(need, request)
            if not isinstance(decision, Allowed):
                return False
            self.audit.require(found.route)
            if self._limits is not None:
                self._limits.admit_small(principal.id)
        except Exception:  # noqa: BLE001 - as above
            return False
        request.decisions = [(need, decision)]
        self.callers.add(principal.id)
        return True

    async def perform_plainly(self, write: PlainWrite, request: PlainRequest) -> tuple[PlainRequest | Context, Reply]:
        """Do what was begun; the answer, and what is to be told of it. Never raises ``Exception``, as ``respond``."""
        try:
            return request, await write.perform(request)
        except Problem as problem:
            context = request.as_context()
            return context, self.refuse(context, problem)
        except Exception:  # noqa: BLE001 - as for all others
            context = request.as_context()
            return context, self._failed(context)

    def _failed(self, context: Context) -> Reply:
        """To be called while the exception is handled."""
        log.exception("request_failed", request_id=context.request_id, operation=context.operation_name)  # noqa: LOG004
        return self.refuse(context, Problem(errors.INTERNAL_ERROR))

    async def _across(self, context: Context, face: SupportsOtherOrigins, reply: Reply) -> Reply:
        """``reply`` for a page of another origin; as it is where the store fails, and the page then may not read it."""
        try:
            return await face.answer_across(context, reply)
        except Exception:
            log.exception("request_failed", request_id=context.request_id, operation=context.operation_name)
            return reply

    def _has_immediate(self, face: Face) -> bool:
        known = self._immediate.get(face)
        if known is None:
            known = self._immediate[face] = any(route.immediate for route in face.routes)
        return known

    async def _answer(self, context: Context, parsed: Parsed | None) -> Reply:
        try:
            route, operation = parsed or context.face.parse(context.head)
            context.route = route
            self.audit.require(route)
            context.principal = await context.face.authenticate(context)
            self.callers.add(context.principal.id)
            if self._limits is not None:
                self._limits.admit(context)
            needs = operation.needs()
            if context.principal.policies.facts:
                await gather(context, needs)
            authorise(context, route, needs)
            return await route.handle(context, operation)
        except Problem as problem:
            return self.refuse(context, problem)
        except Exception:  # noqa: BLE001 - it is logged, and the client told no more than that it happened
            return self._failed(context)
        finally:
            if self._limits is not None:
                self._limits.leave(context)

    def told(self, context: Context, reply: Reply, told: Finished, trace: str = "") -> None:
        """The request has been answered: ``told`` is what log and metrics say of it."""
        self.audit.note(context, told, trace)
        if self.watch is not None:
            self.watch(context, reply, (told.bytes_in, told.bytes_out))

    def told_plainly(self, answered: Iterable[tuple[PlainRequest | Context, Finished, str]]) -> None:
        """As ``told`` of plain requests, a moment later. Never raises ``Exception``."""
        note = self.audit.note
        for request, told, trace in answered:
            try:
                note(request, told, trace)
            except Exception:
                log.exception("request_not_noted", request_id=told.request_id)

    def refuse(self, context: Context, problem: Problem) -> Reply:
        """``problem`` in the wire form of the request's face, noted for the log."""
        context.fault = problem.fault
        context.log["fault"] = problem.fault.code
        if isinstance(problem, TokenRefused):
            context.log |= {"token_fault": problem.token_fault.value, "why": problem.why, "issuer": problem.issuer}
        if "digest" in problem.fields:
            context.log["digest"] = problem.fields["digest"]
        return context.face.render(problem, context)


def authorise(context: Context, route: Route, needs: Sequence[Need]) -> None:
    """Let the request pass only if every need is allowed.

    Fails closed: a route that is neither public nor deciding per item and names no need is refused, and so is one whose
    first need is not its declared action. Raises ``CREDENTIALS_MISSING`` for anonymous callers, else ``ACCESS_DENIED``.
    """
    if route.public:
        return
    if not needs:
        if route.decides:
            return
        raise Problem(errors.ACCESS_DENIED, f"{route.name} names nothing that could be allowed.")
    declared = (route.action, route.version_action)
    if route.action is None or not any(action and needs[0].action == action.name for action in declared):
        raise Problem(errors.ACCESS_DENIED, f"{route.name} asks for another action than it declares.")
    for need in needs:
        require(context, need)


def require(context: Context, need: Need) -> None:
    """Go on only if ``need`` is allowed; for handlers that learn late what they need.

    Raises ``CREDENTIALS_MISSING`` for anonymous callers, else ``ACCESS_DENIED``.
    """
    decision = context.decide(need)
    if isinstance(decision, Allowed):
        return
    context.log["denied"] = decision.reason
    if context.principal.is_anonymous:
        raise Problem(errors.CREDENTIALS_MISSING, resource=need.resource)
    fields = {"resource": need.resource}
    if decision.explicit and decision.layer is Layer.RESOURCE:  # whose policy it is may be seen by whoever it names
        fields |= {"denied": need.action, "principal": context.principal.id}
    raise Problem(errors.ACCESS_DENIED, f"You may not {need.action} on {need.resource}.", **fields)


def undenied(context: Context) -> Admit:
    """Refuses whom a statement denies to exchange tokens. A trust or a login is leave enough, so no one need allow it.

    What it returns raises ``ACCESS_DENIED``.
    """

    def admit(principal: Principal) -> None:
        context.principal = principal
        role = principal.name if principal.kind is PrincipalKind.TRUST else SELF
        need = Need(STS_ASSUME_ROLE_WITH_WEB_IDENTITY.name, f"sts:{role}")
        decision = principal.decide(need, context)
        if isinstance(decision, Denied) and decision.explicit:
            context.decide(need)  # for the audit log
            context.log["denied"] = decision.reason
            raise Problem(
                errors.ACCESS_DENIED, f"You may not {need.action} on {need.resource}.", resource=need.resource
            )

    return admit
