"""Who calls: one place that takes every kind of credential, for every door.

A password may be an access key's secret, a robot's token, a token of a configured issuer or one of the gateway's own;
a bearer token one of the last two.
"""

from collections.abc import Awaitable

from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.identity import TokenVerifier
from zotplus.services.federation.exchange import Exchange
from zotplus.services.federation.sessions import Sessions
from zotplus.services.identity.access import Access
from zotplus.services.identity.people import People, Somebody
from zotplus.services.tokens.registry_tokens import RegistryTokens

TRUST_USER = "trust"
"""The user name that a password ``<trust>:<token>`` comes with."""


class Callers:
    """Recognises credentials. ``verifier`` knows the issuers."""

    def __init__(
        self,
        *,
        access: Access,
        people: People,
        tokens: RegistryTokens,
        verifier: TokenVerifier,
        sessions: Sessions,
        exchange: Exchange,
    ) -> None:
        self._access = access
        self._people = people
        self._tokens = tokens
        self._verifier = verifier
        self._sessions = sessions
        self._exchange = exchange

    def anonymous(self) -> Awaitable[Principal]:
        """Whoever sent no credential."""
        return self._access.anonymous()

    def signer(self, access_key: str, session_token: str | None = None) -> Awaitable[tuple[Principal, str]]:
        """Who signs with this key, and its secret: as ``Access.signer``, and as ``Sessions.signer`` with a token."""
        if session_token is None:
            return self._access.signer(access_key)
        return self._of_session(access_key, session_token)

    async def by_password(self, user: str, password: str, address: str = "") -> Principal:
        """Basic: a key or robot with its secret; or any user name (``oidc`` is usual) with a token as the password.

        The user ``trust:<name>`` with an issuer's token is whoever that trust lets in. Basic credentials end the user's
        name at the first colon (RFC 7617 section 2), so it arrives as ``trust`` with a password that begins with the
        trust's name. Raises what ``Access.by_password``, ``by_token`` and ``Exchange.at_door`` raise.
        """
        if user == TRUST_USER:
            trust, _, token = password.partition(":")
            if self._is_token(token):
                return await self._exchange.at_door(token, trust)
        if self._is_token(password):
            return await self.by_token(password)
        return await self._access.by_password(user, password, address)

    async def by_token(self, token: str) -> Principal:
        """Bearer: a token of a configured issuer, or an access token of the gateway's own.

        Raises ``TOKEN_INVALID``, ``ISSUER_UNAVAILABLE``.
        """
        if self._is_anothers(token):
            return await self._person(token)
        return self._still_vouched_for(await self._tokens.bearer(token))

    async def by_registry_token(self, token: str) -> Principal:
        """Bearer at the registry: a token of the token server too. Raises as ``by_token``."""
        if self._is_anothers(token):
            return await self._person(token)
        return self._still_vouched_for(await self._tokens.holder(token))

    async def _of_session(self, access_key: str, session_token: str) -> tuple[Principal, str]:
        principal, secret = await self._sessions.signer(access_key, session_token)
        return self._still_vouched_for(principal), secret

    def _still_vouched_for(self, principal: Principal) -> Principal:
        """``principal``, whose issuer is still trusted. Raises ``TOKEN_INVALID``."""
        self._exchange.require_issuer(principal)
        return principal

    def _is_anothers(self, token: str) -> bool:
        """Whether the issuers' verifier is to judge: also what nobody can have made, since it says why in the log."""
        return self._verifier.recognises(token) or not self._tokens.recognises(token)

    async def _person(self, token: str) -> Principal:
        verified = await self._verifier.verify(token)
        somebody = self._people.holder(verified)
        await self._exchange.require_unrevoked(verified, somebody)
        return await self._people.principal(somebody, f"jwt {verified.name}")

    async def by_certificate(self, operator: str) -> Principal:
        """The operator of this name, whose client certificate the listener has verified."""
        attributes: dict[str, tuple[str, ...]] = {
            "aws:username": (operator,),
            "aws:userid": (f"certificate:{operator}",),
            "aws:principaltype": (PrincipalKind.CERTIFICATE.value,),
            "zotplus:credential": ("certificate",),
        }
        who = Somebody(
            id=f"certificate:{operator}", kind=PrincipalKind.CERTIFICATE, name=operator, attributes=attributes
        )
        return await self._people.principal(who, "certificate")

    def _is_token(self, password: str) -> bool:
        """Whether a password is a token, whosever: one of an unknown issuer is refused as such, not as a password."""
        return password.startswith("ey") and self._verifier.is_token(password)
