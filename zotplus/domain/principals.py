"""Who asks: the one form in which every identity reaches the evaluator."""

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from zotplus.domain.iam import NO_ATTRIBUTES, Allowed, Attributes, Decision, Need, PolicySet

NO_POLICIES = PolicySet()


class PrincipalKind(StrEnum):
    """How somebody came to be known.

    ``user``: a token of an issuer. ``trust``: a token of an issuer, exchanged under a trust record (federated CI
    identity). ``certificate``: a client certificate.
    """

    ANONYMOUS = "anonymous"
    KEY = "key"
    ROBOT = "robot"
    USER = "user"
    TRUST = "trust"
    CERTIFICATE = "certificate"


_ANONYMOUS = PrincipalKind.ANONYMOUS


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An identity and the policies that apply to it.

    ``id`` is stable and shows in logs (an access key id, ``robot:ci``, ``user:keycloak:<subject>``, ``trust:release``,
    ``anonymous``); ``name`` is for people. ``names`` are the other names by which grants and policies know it: those of
    its groups and roles (``group:keycloak:team-a``). ``attributes`` are its condition keys, in lower case.
    ``credential`` says by what it came (``key``, ``jwt keycloak``, ``session ZPS…``) and never holds a secret.
    ``expires``, in seconds since the epoch, is when that ends.
    """

    id: str
    kind: PrincipalKind
    name: str = ""
    policies: PolicySet = NO_POLICIES
    names: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = {}
    credential: str = ""
    expires: float = math.inf

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody logged in."""
        return self.kind is _ANONYMOUS

    def decide(self, need: Need, attributes: Attributes = NO_ATTRIBUTES) -> Decision:
        """The evaluator's answer for this identity; ``attributes`` are the request's and this identity's own."""
        return self.policies.decide(need, attributes)

    def may(self, need: Need, attributes: Attributes = NO_ATTRIBUTES) -> bool:
        """Whether ``need`` is allowed."""
        return isinstance(self.decide(need, attributes), Allowed)
