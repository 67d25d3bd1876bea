"""Policies of resources, found by the names of who asks.

Spec: AWS IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
"""

from collections.abc import Collection, Iterable

from zotplus.domain.iam.language import Layer, Policy
from zotplus.domain.iam.principal_names import ANONYMOUS, AUTHENTICATED, EVERYBODY, PUBLIC
from zotplus.domain.iam.statements import Prepared, prepared


class NamedStatements:
    """The statements of resource policies that mean one identity."""

    __slots__ = ("direct", "other")

    def __init__(self, direct: list[Prepared], other: list[Prepared]) -> None:
        self.direct = direct
        self.other = other


class ResourcePolicies:
    """All resource policies of a registry, prepared once, so that an identity gets only what names it.

    Statements with neither ``Principal`` nor ``NotPrincipal`` mean nobody, but one which denies means everybody.
    """

    __slots__ = ("_by_name", "_inverse")

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._by_name: dict[str, list[Prepared]] = {}
        self._inverse: list[Prepared] = []
        for policy in policies:
            for statement in prepared(policy, Layer.RESOURCE):
                self._add(statement)

    @classmethod
    def of(cls, statements: Iterable[Prepared]) -> "ResourcePolicies":
        """Those whose statements were prepared before."""
        found = cls(())
        for statement in statements:
            found._add(statement)
        return found

    def for_names(self, names: Collection[str], own: str = ANONYMOUS) -> NamedStatements:
        """What names the identity ``own``, one of its groups and roles ``names``, or everybody.

        The result is what ``PolicySet(resource=…)`` takes. That everybody is meant by ``*`` and ``public``, and whoever
        logged in by ``authenticated``, is known here.
        """
        belongs = {*names, EVERYBODY, PUBLIC} - {own}
        if own != ANONYMOUS:
            belongs.add(AUTHENTICATED)
        direct = self._by_name.get(own, [])
        seen = set(map(id, direct))
        other: list[Prepared] = []
        for name in sorted(belongs):
            fresh = [statement for statement in self._by_name.get(name, ()) if id(statement) not in seen]
            seen.update(map(id, fresh))
            other += fresh
        everybody = {own, *belongs}
        other += [row for row in self._inverse if everybody.isdisjoint(row.statement.not_principal)]
        return NamedStatements(direct, other)

    def _add(self, prepared_statement: Prepared) -> None:
        statement = prepared_statement.statement
        if statement.not_principal:
            self._inverse.append(prepared_statement)
            return
        names = statement.principal or ((EVERYBODY,) if prepared_statement.denies else ())
        for name in dict.fromkeys(names):
            self._by_name.setdefault(name, []).append(prepared_statement)
