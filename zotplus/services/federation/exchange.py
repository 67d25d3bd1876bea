"""The exchange of another issuer's token for an identity here: a workload's under a trust, or a person's own.

Four doors lead here: STS, RFC 8693, the mint endpoint and a password. What they hand out differs; who gets in does not.
"""

import time
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.domain.trusts import LIFETIME, TrustTerms, accepts
from zotplus.ports.identity import TokenFault, TokenRefused, TokenVerifier, VerifiedToken
from zotplus.services.federation.replay import Replays
from zotplus.services.federation.sessions import TOKEN_MAX_CHARACTERS
from zotplus.services.federation.standing import Standing
from zotplus.services.federation.trusts import TRUST_PREFIX, Trusts
from zotplus.services.identity.people import People, Somebody, claim_attributes
from zotplus.services.lookups import Clock
from zotplus.services.tokens.registry_tokens import AccessToken, RegistryTokens, somebody

SELF: Final = "self"
"""The role of those who want to be nobody but themselves: a person with all they may do."""

_OWN_ISSUER = "zotplus"
_EXCHANGED = frozenset({PrincipalKind.TRUST, PrincipalKind.USER})
"""Whose access tokens can be exchanged again: a key's or robot's sessions would outlive its revocation."""


Admit: TypeAlias = Callable[[Principal], None]
"""Refuses, by raising, who gets nothing in exchange although their token holds."""


def admit_all(_principal: Principal) -> None:
    """Whoever asks on their own behalf, such as a test of a trust."""


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token got in as.

    ``role`` is the trust's name, or ``self``. ``seconds`` is how long what is issued to ``who`` lasts. ``issuer``,
    ``subject`` and ``audience`` are the token's.
    """

    who: Somebody
    role: str
    seconds: int
    issuer: str
    subject: str
    audience: str


class Exchange:
    """Verifies tokens, finds the trust that lets them in, and uses them up.

    ``lifetime`` is how many seconds what is issued to a person lasts at most.
    """

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        tokens: RegistryTokens,
        people: People,
        trusts: Trusts,
        standing: Standing,
        replays: Replays,
        lifetime: int = LIFETIME,
        clock: Clock = time.time,
    ) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._standing = standing
        self._verifier = verifier
        self._tokens = tokens
        self._people = people
        self._trusts = trusts
        self._replays = replays

    async def verified(self, token: str) -> VerifiedToken:
        """What an issuer's token says, for explanations. Raises ``TokenRefused``, ``ISSUER_UNAVAILABLE``."""
        return await self._verifier.verify(token)

    async def of_token(self, token: str, role: str = "", seconds: int | None = None) -> Exchanged:
        """Who ``token`` gets in as: under the trust ``role``, as themselves (``self``), or under the one that fits.

        An access token of the gateway's own stands for whom it was issued to, for as long as it lasts. ``seconds`` is
        how long it is wanted for; an hour, or less where no more is allowed, when it is None.

        Raises ``TokenRefused`` (``TOKEN_INVALID``; one answer for an unknown trust and one that does not fit),
        ``ISSUER_UNAVAILABLE``, and ``ARGUMENT_INVALID`` for more seconds than are allowed, before the token is used up.
        """
        if self._verifier.recognises(token) or not self._tokens.recognises(token):
            return await self._of_verified(await self._verifier.verify(token), role, seconds)
        return await self._of_own(token, role, seconds)

    async def holder(self, exchanged: Exchanged) -> Principal:
        """Who the token got in as, with the rights of now."""
        return await self._people.principal(exchanged.who, f"jwt {exchanged.issuer}")

    async def access_token(self, token: str, role: str = "", admit: Admit = admit_all) -> tuple[Principal, AccessToken]:
        """An access token, which opens every door, for who ``token`` gets in as, and who that is.

        Raises as ``of_token`` and ``admit``, and ``SESSION_TOO_LARGE``.
        """
        exchanged = await self.of_token(token, role)
        principal = await self.holder(exchanged)
        admit(principal)
        issued = await self._tokens.issue_access(principal, exchanged.seconds)
        if len(issued.token) > TOKEN_MAX_CHARACTERS:
            raise Problem(errors.SESSION_TOO_LARGE)
        return principal, issued

    async def at_door(self, token: str, role: str) -> Principal:
        """Who ``token`` is as a password under the trust ``role``, which must allow reuse; nothing is issued.

        Raises as ``of_token``.
        """
        verified = await self._verifier.verify(token)
        terms = await self._fitting(verified, role)
        if not terms.reuse:
            why = f"The trust {terms.name} lets a token in once, so that it cannot serve as a password."
            raise TokenRefused(TokenFault.TRUST, why, issuer=verified.name)
        who = msgspec.structs.replace(workload(verified, terms), expires=verified.expires)
        await self.require_unrevoked(verified, who)
        return await self._people.principal(who, f"jwt {verified.name}")

    async def _of_verified(self, verified: VerifiedToken, role: str, asked: int | None) -> Exchanged:
        if role == SELF:
            who, seconds = self._people.holder(verified), _within(asked, self._lifetime)
            await self.require_unrevoked(verified, who)
        else:
            terms = await self._fitting(verified, role)
            who, seconds, role = workload(verified, terms), _within(asked, terms.lifetime), terms.name
            await self.require_unrevoked(verified, who)
            if not terms.reuse:
                await self._replays.once(verified)
        return Exchanged(
            who=who,
            role=role,
            seconds=seconds,
            issuer=verified.issuer,
            subject=verified.identity.subject,
            audience=_audience(verified),
        )

    async def _fitting(self, verified: VerifiedToken, role: str) -> TrustTerms:
        """The trust of this name, or the only one, that accepts the token. Raises ``TokenRefused``."""
        known = await self._trusts.of_issuer(verified.name)
        found = [terms for terms in known if role in ("", terms.name) and accepts(terms, verified.claims)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(terms.name for terms in found)
        which = (
            f"Several trusts accept the token, of which one must be named: {names:.300}."
            if found
            else _why_none(role, known)
        )
        raise TokenRefused(TokenFault.TRUST, which, issuer=verified.name)

    async def require_unrevoked(self, verified: VerifiedToken, who: Somebody) -> None:
        """Refuse a token of before the last revocation, after which it opens no door and is not exchanged again.

        Raises ``TOKEN_INVALID``.
        """
        issued = verified.claims.get("iat")
        await self._standing.require_unrevoked(who.id, issued if isinstance(issued, int | float) else 0.0)

    def require_issuer(self, principal: Principal) -> None:
        """Refuse who holds something of ours for a token of an issuer that is no longer trusted. ``TOKEN_INVALID``."""
        self._standing.require_issuer(principal.attributes)

    async def _of_own(self, token: str, role: str, asked: int | None) -> Exchanged:
        try:
            principal = await self._tokens.bearer(token)
        except Problem as problem:
            if problem.fault is not errors.TOKEN_INVALID:
                raise
            why = f"The token is neither a known issuer's nor one of ours: {problem.detail}"
            raise TokenRefused(TokenFault.ISSUER, why) from problem
        self.require_issuer(principal)
        own = principal.name if principal.kind is PrincipalKind.TRUST else SELF
        if role not in ("", own) or principal.kind not in _EXCHANGED:
            why = f"The token was issued to {principal.id:.200}, which cannot become {role!r:.140}."
            raise TokenRefused(TokenFault.TRUST, why)
        return Exchanged(
            who=somebody(principal, principal.expires),
            role=own,
            seconds=int(min(asked or LIFETIME, max(principal.expires - self._clock(), 0))),
            issuer=_OWN_ISSUER,
            subject=principal.id,
            audience=self._tokens.settings.service,
        )


def workload(verified: VerifiedToken, terms: TrustTerms) -> Somebody:
    """Who comes in under a trust: the trust's own principal, with the token's claims as condition keys.

    Raises ``TokenRefused`` for more claims than can be judged.
    """
    id_ = TRUST_PREFIX + terms.name
    subject = verified.identity.subject
    return Somebody(
        id=id_,
        kind=PrincipalKind.TRUST,
        name=terms.name,
        attributes={
            **claim_attributes(verified),
            "aws:username": (terms.name,),
            "aws:userid": (f"{id_}:{subject}",),
            "aws:principaltype": (PrincipalKind.TRUST.value,),
            "zotplus:credential": ("jwt",),
            "zotplus:issuer": (verified.name,),
            "zotplus:subject": (subject,),
        },
    )


def _why_none(role: str, known: Collection[TrustTerms]) -> str:
    """Why none of the issuer's trusts fits, for the log."""
    if not role:
        return "No trust accepts the token."
    if all(role != terms.name for terms in known):
        return f"There is no trust {role!r:.140} for this issuer."
    return f"The trust {role!r:.140} does not accept the token."


def _within(asked: int | None, allowed: int) -> int:
    if asked is not None and asked > allowed:
        detail = f"The credentials may last {allowed} seconds at most."
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="DurationSeconds")
    return min(asked or LIFETIME, allowed)


def _audience(verified: VerifiedToken) -> str:
    named = verified.claims.get("aud")
    return ", ".join(named) if isinstance(named, list | tuple) else str(named)
