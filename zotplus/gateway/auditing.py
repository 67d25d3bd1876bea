"""From answered requests to audit records, handed over together some fifty times a second.

A record is made and encoded at once, while what it tells is at hand and nothing of the request must be kept for it.
Waking whoever writes is put off: done for each turn of the event loop it costs twice the record.
"""

import asyncio
from collections.abc import Callable

from zotplus.domain import errors
from zotplus.domain.actions import ACTIONS
from zotplus.domain.audit.records import AGENT_MAX, PATH_MAX, Decided, EventKind, Record, Who
from zotplus.domain.audit.times import timestamp
from zotplus.domain.errors import FaultType, Problem
from zotplus.domain.iam import Allowed, Decision, Need
from zotplus.domain.principals import Principal
from zotplus.gateway.context import NOBODY, Context
from zotplus.gateway.plain import PlainRequest
from zotplus.gateway.route import Route
from zotplus.ports.audit import AuditLog
from zotplus.ports.telemetry import Finished

LOGINS: dict[tuple[str, str], EventKind] = {
    ("oci", "GetToken"): EventKind.LOGIN,
    ("oci", "PostToken"): EventKind.LOGIN,
    ("sts", "GetCallerIdentity"): EventKind.REQUEST,
    ("mint", "MintToken"): EventKind.EXCHANGE,
}
"""What an operation is that hands out credentials, where its face does not say so of all of them."""
EXCHANGES = frozenset({"sts"})
"""Faces whose operations exchange one credential for another."""
_REFUSALS = frozenset({FaultType.AUTHENTICATION, FaultType.AUTHORIZATION})
_READ_METHODS = frozenset({"GET", "HEAD"})
_SAID_BESIDE = frozenset({"aws:username", "aws:userid", "aws:principaltype", "zotplus:credential"})
"""Condition keys whose values stand in ``Who`` already."""
_URGENT = frozenset({EventKind.LOGIN, EventKind.EXCHANGE, EventKind.ADMINISTRATION})
_KNOWN_MAX = 4_096
"""Principals whose part of a record is kept; one takes about a KiB."""

FLUSH_SECONDS = 0.02
"""How long records wait for others; as stale may the generation be that they tell."""


class AuditTrail:
    """The audit log of one worker as its servers use it; without a ``log`` nothing is recorded.

    ``generation`` tells that of grants and policies. ``required`` refuses what changes something while the log fails.
    """

    def __init__(
        self,
        log: AuditLog | None = None,
        *,
        anonymous_reads: bool = False,
        required: bool = False,
        generation: Callable[[], int] = int,
    ) -> None:
        self._log = log
        self._anonymous_reads = anonymous_reads
        self._required = required
        self._generation = generation
        self._current_generation = 0
        self._is_due = False
        self._known: dict[str, tuple[Principal, Who]] = {}
        self._kinds: dict[int, tuple[Route, EventKind]] = {}

    def require(self, route: Route) -> None:
        """Raises ``AUDIT_UNAVAILABLE`` for what must not happen unrecorded, while it would be.

        What makes room is let through: its records wait in memory, and are written first when there is some.
        """
        if self._log is None or not self._required or not self._log.is_failing:
            return
        action = route.action
        changes = route.method not in _READ_METHODS if action is None else action.writes or action.family == "admin"
        if changes and not (action is not None and action.frees):
            raise Problem(errors.AUDIT_UNAVAILABLE)

    def note(self, context: Context | PlainRequest, told: Finished, trace: str = "") -> None:
        """A request has been answered: ``told`` is what log and metrics say of it, ``trace`` its trace's id."""
        if self._log is None or not self._is_recorded(context):
            return
        if not self._is_due:
            self._current_generation = self._generation()
        record = self._record(context, told, trace)
        self._log.take(record)
        if record.kind in _URGENT:
            self._log.hand_over(urgent=True)
        elif not self._is_due:
            self._schedule()

    def flush(self) -> None:
        """Hand over the records of all requests that were noted."""
        self._is_due = False
        if self._log is not None:
            self._log.hand_over()

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # there is no turn to wait for
            self.flush()
        else:
            self._is_due = True
            loop.call_later(FLUSH_SECONDS, self.flush)

    def _is_recorded(self, context: Context | PlainRequest) -> bool:
        route, fault = context.route, context.fault
        if fault is None and route is not None and not route.public and not context.principal.is_anonymous:
            return True
        if route is None or (fault is not None and (fault.type in _REFUSALS or not context.decisions)):
            return True
        if route.public and (context.face.name, route.name) not in LOGINS:
            return context.face.name in EXCHANGES
        return self._anonymous_reads or not context.principal.is_anonymous or _changes(context)

    def _record(self, context: Context | PlainRequest, told: Finished, trace: str) -> Record:
        fault, fields = context.fault, told.fields
        return Record(
            0,
            timestamp(told.at),
            self._kind(context),
            told.request_id,
            told.face,
            told.operation,
            self._who(context.principal),
            _all_decided(context.decisions),
            context.more_decisions,
            told.status,
            "" if fault is None else fault.code,
            told.method,
            told.path[:PATH_MAX],
            told.peer,
            context.head.agent[:AGENT_MAX],
            told.bytes_in,
            told.bytes_out,
            trace or "",
            self._current_generation,
            {name: value for name, value in fields.items() if name != "fault"} if fields else fields,
        )

    def _kind(self, context: Context | PlainRequest) -> EventKind:
        """As ``kind_of``; that of a route's successes is kept, by its identity: a route's hash costs more."""
        route = context.route
        if context.fault is not None or route is None:
            return kind_of(context)
        known = self._kinds.get(id(route))
        if known is None:
            known = self._kinds[id(route)] = (route, kind_of(context))  # held, so that no other gets its identity
        return known[1]

    def _who(self, principal: Principal) -> Who:
        known = self._known.get(principal.id)
        if known is not None and known[0] is principal:
            return known[1]
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        who = Who(
            principal.id,
            principal.kind.value,
            principal.name,
            principal.credential,
            principal.names,
            {key: values for key, values in principal.attributes.items() if key not in _SAID_BESIDE},
        )
        self._known[principal.id] = principal, who
        return who


UNAUDITED = AuditTrail()


def kind_of(context: Context | PlainRequest) -> EventKind:
    """What the record of a request is about.

    A request that was refused before anything was decided (nonsense, a bad signature, a wrong password) is denied too.
    """
    fault, route = context.fault, context.route
    if fault is not None and (fault.type in _REFUSALS or route is None or context.principal is NOBODY):
        return EventKind.DENIED
    face = context.face.name
    known = LOGINS.get((face, context.operation_name))
    if known is not None:
        return known
    if face in EXCHANGES:
        return EventKind.EXCHANGE
    action = None if route is None else route.action
    if action is not None and action.writes and action.family == "admin":
        return EventKind.ADMINISTRATION
    return EventKind.REQUEST


def _changes(context: Context | PlainRequest) -> bool:
    return any(ACTIONS[need.action].writes for need, _ in context.decisions if need.action in ACTIONS)


def _all_decided(asked: list[tuple[Need, Decision]]) -> tuple[Decided, ...]:
    if len(asked) == 1:  # as nearly always
        return (_decided(*asked[0]),)
    return tuple([_decided(need, decision) for need, decision in asked])


def _decided(need: Need, decision: Decision) -> Decided:
    if isinstance(decision, Allowed):
        return Decided(need.action, need.resource, True, decision.policy, decision.statement, "", decision.layer)  # noqa: FBT003 - fields in order: a keyword call costs twice as much
    return Decided(
        action=need.action,
        resource=need.resource,
        allowed=False,
        policy=decision.policy,
        statement=decision.statement,
        reason=decision.reason,
        layer=decision.layer,
    )
