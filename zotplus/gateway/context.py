"""What one request carries through the pipeline."""

from typing import TYPE_CHECKING

from zotplus.domain.audit.records import DECISIONS_MAX
from zotplus.domain.errors import Fault
from zotplus.domain.iam import Allowed, Decision, Denied, Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.gateway.bodies import RequestBody
from zotplus.gateway.conditions.attributes import IDENTIFYING, identifying, request_values
from zotplus.gateway.conditions.facts import NO_FACTS, wants_facts
from zotplus.gateway.head import RequestHead
from zotplus.gateway.route import Face, Route
from zotplus.services.directory import Services
from zotplus.services.values import Actor

if TYPE_CHECKING:
    from zotplus.domain.signatures.sigv4_claim import Claim

NOBODY = Principal(id="anonymous", kind=PrincipalKind.ANONYMOUS)


class Context:
    """One request on its way: head and body as received, who asks, and what log and metrics will say about it.

    ``claim`` and ``secret`` are set by the S3 schemes for chunk signatures and never logged. ``fault`` is
    the catalogue's row when the answer is a refusal. ``decisions`` are the evaluator's answers so far, the first
    ``DECISIONS_MAX`` of them, and ``more_decisions`` counts the rest. ``facts`` are what was looked up for them.
    """

    __slots__ = (
        "body",
        "claim",
        "decisions",
        "face",
        "facts",
        "fault",
        "head",
        "log",
        "more_decisions",
        "principal",
        "request_id",
        "route",
        "secret",
        "services",
        "started",
    )

    def __init__(
        self, *, head: RequestHead, body: RequestBody, services: Services, face: Face, request_id: str, started: float
    ) -> None:
        self.head = head
        self.body = body
        self.services = services
        self.face = face
        self.request_id = request_id
        self.started = started
        self.principal: Principal = NOBODY
        self.route: Route | None = None
        self.fault: Fault | None = None
        self.claim: Claim | None = None
        self.secret: str = ""
        self.log: dict[str, str | int | float] = {}
        self.decisions: list[tuple[Need, Decision]] = []
        self.more_decisions = 0
        self.facts = NO_FACTS

    @property
    def actor(self) -> Actor:
        """Who asks, as services are told."""
        address = self.values("aws:sourceip")
        return Actor(
            principal=self.principal.id, request_id=self.request_id, address=address[0] if address is not None else ""
        )

    @property
    def operation_name(self) -> str:
        """The route's name, or ``Unknown`` while none is found; a bounded set, fit for metrics."""
        return self.route.name if self.route is not None else "Unknown"

    def decide(self, need: Need) -> Decision:
        """The evaluator's answer for the caller, kept for the audit log."""
        principal = self.principal
        if principal.policies.facts and wants_facts(principal, need):
            known = self.facts.given(need)
            decision = known if isinstance(known, Denied) else principal.decide(known, self)
        else:
            decision = principal.decide(need, self)
        if len(self.decisions) < DECISIONS_MAX:
            self.decisions.append((need, decision))
        else:
            self.more_decisions += 1
        return decision

    def may(self, need: Need) -> bool:
        """Whether the caller may do ``need``; for handlers that decide per item."""
        return isinstance(self.decide(need), Allowed)

    def values(self, key: str) -> tuple[str, ...] | None:
        """Condition keys of caller and request, as ``domain.iam.Attributes``."""
        known = self.principal.attributes.get(key)
        if known is not None:
            return known
        if key == "zotplus:door":
            return (self.face.name,)
        if key == "aws:principaltype":
            return (self.principal.kind.value,)
        if key in IDENTIFYING:
            return identifying(self.principal, key)
        return request_values(self.head, key)
