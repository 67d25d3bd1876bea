"""Trusts: which workloads of other issuers are let in, and with which rights."""

import time
from collections.abc import Collection, Mapping

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.trusts import Condition, TrustTerms, check_terms, conditions, is_trust_name
from zotplus.ports.identity import VerifiedToken
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.access import GrantRecord, delete_grant, grants_of, raise_generation
from zotplus.records.issued import put_not_before, under_terms
from zotplus.records.policies import detach_all
from zotplus.records.trusts import TrustRecord, delete_trust, find_trust, put_trust, trusts
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.grants import new_grant_id, put_grant_once
from zotplus.services.identity.roles import Role, role_policy
from zotplus.services.lookups import Clock, milliseconds
from zotplus.services.sharing.leaving import forget_principal

TRUST_PREFIX = "trust:"
"""What the principal id of a trust begins with; grants and attachments are given to that id."""

GRANTS_MAX = 64


class TrustGrant(msgspec.Struct, frozen=True, kw_only=True):
    """``role`` on ``pattern``, as in a grant."""

    role: Role
    pattern: str


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """A trust and the roles that it has; policies may be attached to its principal id beside them.

    ``created`` and ``changed`` are in seconds since the epoch.
    """

    terms: TrustTerms
    grants: tuple[TrustGrant, ...]
    created: float
    changed: float

    @property
    def principal_id(self) -> str:
        """Who comes in by it."""
        return TRUST_PREFIX + self.terms.name


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A trust tried on a token: it accepts when all conditions hold."""

    trust: str
    conditions: tuple[Condition, ...]

    @property
    def accepts(self) -> bool:
        """Whether the token is let in by this trust."""
        return all(condition.holds for condition in self.conditions)


class Trusts:
    """Trusts over the key-value port. A change holds from the next request on, in every worker.

    ``issuers`` are the configured ones: address by name. ``audiences`` are those of which every token of an issuer
    must have one; None: they are not known.
    """

    def __init__(
        self,
        store: KeyValue,
        issuers: Mapping[str, str],
        audiences: Mapping[str, Collection[str]] | None = None,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._store = store
        self._audiences = audiences
        self._issuers = dict(issuers)
        self._clock = clock
        self._of_issuer = GenerationCache(store, _terms_of_issuer)

    async def list(self) -> tuple[Trust, ...]:
        """All trusts by name."""
        return await self._store.read(lambda snapshot: tuple([_trust(snapshot, *found) for found in trusts(snapshot)]))

    async def get(self, name: str) -> Trust:
        """The trust of this name. Raises ``RECORD_NOT_FOUND``."""
        return await self._store.read(lambda snapshot: _trust(snapshot, name, _require(snapshot, name)))

    async def put(self, terms: TrustTerms, grants: tuple[TrustGrant, ...], *, new: bool = False) -> Trust:
        """Create the trust, or give the one of this name these terms and exactly these roles.

        Where the new terms refuse anybody whom the old ones let in, what was issued under the old ones ends.

        With ``new`` it must not be there. Raises ``ARGUMENT_INVALID``, ``RECORD_NOT_FOUND`` for an unknown issuer,
        ``RECORD_EXISTS``.
        """
        check_terms(terms, self._issuer_url(terms.issuer))
        self._require_audience(terms)
        if len(grants) > GRANTS_MAX:
            raise Problem(errors.ARGUMENT_INVALID, f"A trust has at most {GRANTS_MAX} roles.", argument="grants")
        for grant in grants:
            role_policy(grant.role, grant.pattern)
        now_ms = milliseconds(self._clock())
        ids = [new_grant_id() for _ in grants]

        def change(transaction: Transaction) -> Trust:
            there = find_trust(transaction, terms.name)
            if new and there is not None:
                raise Problem(errors.RECORD_EXISTS, f"A trust {terms.name} exists already.")
            if there is not None and not _is_wider(terms, _terms(terms.name, there)):
                put_not_before(transaction, under_terms(TRUST_PREFIX + terms.name), now_ms)
            record = _record(terms, now_ms if there is None else there.created_ms, now_ms)
            put_trust(transaction, terms.name, record)
            _replace_grants(transaction, TRUST_PREFIX + terms.name, dict(zip(ids, grants, strict=True)), now_ms)
            raise_generation(transaction)
            return _trust(transaction, terms.name, record)

        return await self._store.write(change)

    async def delete(self, name: str) -> None:
        """Remove the trust with its grants and attachments; what was issued under it ends. ``RECORD_NOT_FOUND``."""

        def change(transaction: Transaction) -> None:
            _require(transaction, name)
            delete_trust(transaction, name)
            for grant_id, record in grants_of(transaction, TRUST_PREFIX + name):
                delete_grant(transaction, grant_id, record)
            detach_all(transaction, TRUST_PREFIX + name)
            forget_principal(transaction, TRUST_PREFIX + name)
            raise_generation(transaction)

        await self._store.write(change)

    async def trials(self, verified: VerifiedToken) -> tuple[Trial, ...]:
        """Every trust in the token's issuer, tried on it."""
        known = await self.of_issuer(verified.name)
        return tuple([Trial(trust=terms.name, conditions=conditions(terms, verified.claims)) for terms in known])

    async def of_issuer(self, issuer: str) -> tuple[TrustTerms, ...]:
        """The terms of all trusts in this issuer, by name."""
        known = self._of_issuer.peek(issuer)
        return await self._of_issuer.get(issuer) if known is None else known

    async def audience(self, name: str) -> str:
        """What the token for the trust must be made for; for an empty name that of all trusts, where they agree.

        Raises ``RECORD_NOT_FOUND``.
        """
        found = await self._store.read(
            lambda snapshot: {record.audience for known, record in trusts(snapshot) if name in ("", known)}
        )
        if len(found) != 1:
            detail = "There is no such trust." if name or not found else "Trusts have several audiences: name one."
            raise Problem(errors.RECORD_NOT_FOUND, detail)
        return found.pop()

    def _issuer_url(self, issuer: str) -> str:
        url = self._issuers.get(issuer)
        if url is None:
            known = ", ".join(sorted(self._issuers)) or "none"
            detail = f"No issuer is called {issuer[:64]!r} in the settings; known: {known[:500]}."
            raise Problem(errors.RECORD_NOT_FOUND, detail)
        return url

    def _require_audience(self, terms: TrustTerms) -> None:
        """Refuse an audience that tokens of the issuer are not taken for."""
        known = None if self._audiences is None else self._audiences[terms.issuer]
        if known is not None and terms.audience not in known:
            listed = ", ".join(known)
            detail = f"Tokens of {terms.issuer} are taken for these audiences only (in the settings): {listed:.500}."
            raise Problem(errors.ARGUMENT_INVALID, detail, argument="audience")


def _require(snapshot: Snapshot, name: str) -> TrustRecord:
    record = find_trust(snapshot, name) if is_trust_name(name) else None
    if record is None:
        raise Problem(errors.RECORD_NOT_FOUND, "There is no such trust.")
    return record


def _replace_grants(transaction: Transaction, grantee: str, wanted: Mapping[str, TrustGrant], now_ms: int) -> None:
    """Leave exactly ``wanted`` (by new ids); a grant that says the same stays as it is."""
    kept = {(grant.role.value, grant.pattern) for grant in wanted.values()}
    for grant_id, there in grants_of(transaction, grantee):
        if (there.role, there.pattern) not in kept or there.networks:
            delete_grant(transaction, grant_id, there)
    for grant_id, grant in wanted.items():
        record = GrantRecord(grantee=grantee, role=grant.role.value, pattern=grant.pattern, created_ms=now_ms)
        put_grant_once(transaction, grant_id, record)


def _is_wider(terms: TrustTerms, before: TrustTerms) -> bool:
    """Whether ``terms`` certainly accept whatever ``before`` did."""
    if (terms.issuer, terms.audience) != (before.issuer, before.audience):
        return False
    return all(
        claim in before.claims and set(before.claims[claim]) <= set(patterns)
        for claim, patterns in terms.claims.items()
    )


def _record(terms: TrustTerms, created_ms: int, changed_ms: int) -> TrustRecord:
    return TrustRecord(
        issuer=terms.issuer,
        audience=terms.audience,
        claims=tuple(terms.claims.items()),
        lifetime=terms.lifetime,
        reuse=terms.reuse,
        description=terms.description,
        created_ms=created_ms,
        changed_ms=changed_ms,
    )


def _terms(name: str, record: TrustRecord) -> TrustTerms:
    return TrustTerms(
        name=name,
        issuer=record.issuer,
        audience=record.audience,
        claims=dict(record.claims),
        lifetime=record.lifetime,
        reuse=record.reuse,
        description=record.description,
    )


def _trust(snapshot: Snapshot, name: str, record: TrustRecord) -> Trust:
    found = sorted((grant.pattern, grant.role) for _, grant in grants_of(snapshot, TRUST_PREFIX + name))
    return Trust(
        terms=_terms(name, record),
        grants=tuple([TrustGrant(role=Role(role), pattern=pattern) for pattern, role in found]),
        created=record.created_ms / 1000,
        changed=record.changed_ms / 1000,
    )


def _terms_of_issuer(snapshot: Snapshot, issuer: str) -> tuple[TrustTerms, ...]:
    return tuple([_terms(name, record) for name, record in trusts(snapshot) if record.issuer == issuer])
