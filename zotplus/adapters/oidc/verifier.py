"""The ``TokenVerifier`` port: tokens of any number of OpenID Connect issuers."""

import asyncio
import time
from collections.abc import Iterable

import structlog

from zotplus.adapters.oidc.compact import TOKEN_MAX_CHARACTERS, Unverified, issuer_of, take_apart
from zotplus.adapters.oidc.issuer import Clock, Issuer
from zotplus.adapters.oidc.keys import holds
from zotplus.adapters.oidc.rules import require_algorithm, require_claims
from zotplus.adapters.oidc.seen import SeenTokens
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.domain.claims import identity
from zotplus.domain.errors import Problem
from zotplus.ports.identity import IssuerStatus, TokenFault, TokenRefused, VerifiedToken

_log = structlog.get_logger()


class OidcVerifier:
    """Verifies what ``issuers`` signed. ``clock`` gives seconds since the epoch."""

    def __init__(self, issuers: Iterable[IssuerSettings], clock: Clock = time.time) -> None:
        self._issuers = {settings.url: Issuer(settings, clock) for settings in issuers}
        self._clock = clock
        self._seen = SeenTokens()

    def recognises(self, token: str) -> bool:
        """See ``TokenVerifier.recognises``."""
        if len(token) > TOKEN_MAX_CHARACTERS:
            return False
        return self._seen.get(token) is not None or issuer_of(token) in self._issuers

    def is_token(self, text: str) -> bool:
        """See ``TokenVerifier.is_token``."""
        return len(text) <= TOKEN_MAX_CHARACTERS and (self._seen.get(text) is not None or issuer_of(text) is not None)

    async def verify(self, token: str) -> VerifiedToken:
        """See ``TokenVerifier.verify``."""
        known = self._known(token)
        if known is not None:
            return known
        try:
            return await self._verified(token)
        except TokenRefused as refused:
            _log.info("token_refused", reason=refused.token_fault, why=refused.why, issuer=refused.issuer)
            raise

    def status(self) -> tuple[IssuerStatus, ...]:
        """See ``TokenVerifier.status``."""
        for issuer in self._issuers.values():
            issuer.touch()
        return tuple(issuer.status() for issuer in self._issuers.values())

    async def start(self) -> None:
        """See ``TokenVerifier.start``."""
        for issuer in self._issuers.values():
            issuer.touch()

    async def close(self) -> None:
        """See ``TokenVerifier.close``."""
        await asyncio.gather(*(issuer.close() for issuer in self._issuers.values()))

    def _known(self, token: str) -> VerifiedToken | None:
        """What an earlier verification found, where nothing has changed since but the time, which still fits."""
        if len(token) > TOKEN_MAX_CHARACTERS:
            return None
        seen = self._seen.get(token)
        if seen is None:
            return None
        issuer = self._issuers[seen.verified.issuer]
        is_in_time = self._clock() < seen.verified.expires + issuer.settings.leeway
        if is_in_time and seen.generation == issuer.generation and issuer.is_current():
            return seen.verified
        self._seen.drop(token)
        return None  # the whole way tells, and logs why

    async def _verified(self, token: str) -> VerifiedToken:
        unverified = take_apart(token)
        issuer = self._issuer(unverified)
        settings = issuer.settings
        require_algorithm(unverified, settings)
        require_claims(unverified, settings, self._clock())  # before keys are fetched for a token that is stale anyway
        key = await issuer.key(unverified.key_id, unverified.algorithm)
        generation = issuer.generation
        if not holds(token, key, unverified.algorithm):
            raise TokenRefused(TokenFault.SIGNATURE, "The token's signature does not hold.", issuer=settings.name)
        expires = require_claims(unverified, settings, self._clock())  # the key may have taken seconds to come
        try:
            who = identity(unverified.claims, settings.claims)
        except Problem as problem:
            raise TokenRefused(TokenFault.CLAIMS, problem.detail, issuer=settings.name) from None
        verified = VerifiedToken(
            name=settings.name,
            issuer=settings.url,
            claims=unverified.claims,
            expires=expires,
            identity=who,
            is_person=settings.has_people,
        )
        self._seen.put(token, verified, generation)
        return verified

    def _issuer(self, token: Unverified) -> Issuer:
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise TokenRefused(TokenFault.ISSUER, f"No issuer {named!r:.300} is configured.")
        return issuer
