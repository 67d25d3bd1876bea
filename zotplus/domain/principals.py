"""Who asks: the one form in which every identity reaches the evaluator."""

from enum import StrEnum

import msgspec

from zotplus.domain.iam import Allowed, Decision, Need, PolicySet

NO_POLICIES = PolicySet()


class PrincipalKind(StrEnum):
    """How somebody came to be known."""

    ANONYMOUS = "anonymous"
    KEY = "key"
    ROBOT = "robot"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


_ANONYMOUS = PrincipalKind.ANONYMOUS


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An identity and the policies that apply to it.

    ``id`` is stable and shows in logs (an access key id, a robot's name, ``anonymous``); ``name`` is for people.
    """

    id: str
    kind: PrincipalKind
    name: str = ""
    policies: PolicySet = NO_POLICIES

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody logged in."""
        return self.kind is _ANONYMOUS

    def decide(self, need: Need) -> Decision:
        """The evaluator's answer for this identity."""
        return self.policies.decide(need)

    def may(self, need: Need) -> bool:
        """Whether ``need`` is allowed."""
        return isinstance(self.decide(need), Allowed)
