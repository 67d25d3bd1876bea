"""The gateway's own tokens: for a registry client what it asked for and may use, or everything that somebody may.

Spec: https://distribution.github.io/distribution/spec/auth/token/ and …/auth/jwt/. A token never widens a right: at
each use its subject is looked up again, so a revoked credential or grant ends its tokens at once.
"""

import secrets
import time
from typing import Annotated, Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import OCI_CATALOG, OCI_DELETE, OCI_PULL, OCI_PUSH
from zotplus.domain.errors import Problem
from zotplus.domain.iam import NO_ATTRIBUTES, Attributes, Decision, Denied, Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.services.federation.standing import ORIGIN_KEY
from zotplus.services.identity.access import Access
from zotplus.services.identity.people import People, Somebody
from zotplus.services.lookups import Clock
from zotplus.services.tokens.revocations import Revocations
from zotplus.services.tokens.signing_keys import SigningKeys

ISSUER = "zotplus"
CLOCK_LEEWAY_SECONDS = 60
_OTHER_USE = "The token was not issued for this use."
CACHED_TOKENS = 4_096
"""Tokens whose signature was checked already; at a few KiB each this is at most some 10 MiB."""

ACTION_NAMES = {"pull": OCI_PULL.name, "push": OCI_PUSH.name, "delete": OCI_DELETE.name}
"""A scope's word for each action on a repository. Spec: …/auth/scope/."""


class RegistryTokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings ``registry_tokens``."""

    service: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}$")] = "zotplus"
    """The name that clients are told and that tokens are for (``aud``). Default ``zotplus``; change it where one client
    configuration talks to several installations that must not accept each other's tokens."""

    lifetime: Annotated[int, msgspec.Meta(ge=60, le=3600)] = 300
    """Seconds that a token is valid. Default 300: it is checked when a request begins, so no upload is cut, and clients
    take a new one by themselves. At least 60, which clients assume (token specification, ``expires_in``)."""

    key_lifetime: Annotated[int, msgspec.Meta(ge=3600)] = 2_592_000
    """Seconds that one key signs before the janitor makes the next. Default 30 days. Older keys go on verifying until
    the last token that they signed has ended; all are published at ``/auth/jwks``."""

    refresh_lifetime: Annotated[int, msgspec.Meta(ge=3600)] = 7_776_000
    """Seconds that a refresh token (``docker login`` keeps one) is valid. Default 90 days: long enough for a
    workstation, and revoking its credential ends it at once."""


class Scope(msgspec.Struct, frozen=True):
    """What a token is for.

    ``type`` is ``repository``, with a name and of ``pull``, ``push``, ``delete``; or ``registry``, ``catalog``, ``*``.
    """

    type: str
    name: str
    actions: tuple[str, ...]

    def covers(self, need: Need) -> bool:
        """Whether ``need`` lies within this scope."""
        if self.type == "repository":
            named = need.resource == f"oci:{self.name}"
            return named and any(ACTION_NAMES.get(action) == need.action for action in self.actions)
        return self.type == "registry" and self.name == "catalog" and need.action == OCI_CATALOG.name


_OF_OURSELVES = frozenset({PrincipalKind.ANONYMOUS, PrincipalKind.KEY, PrincipalKind.ROBOT})
"""Who is looked up again at each use; of others a token says itself who they are."""


class TokenPrincipal(Principal, frozen=True, kw_only=True):
    """The holder of a registry token: ``whole`` is who it stands for, as of now, and ``scopes`` limit that further."""

    whole: Principal
    scopes: tuple[Scope, ...]

    def decide(self, need: Need, attributes: Attributes = NO_ATTRIBUTES) -> Decision:
        """The identity's own answer, where a scope of the token covers ``need``; a denial otherwise."""
        if not self.covers(need):
            return Denied(f"the registry token was not issued for {need.action} on {need.resource}")
        return self.whole.decide(need, attributes)

    def covers(self, need: Need) -> bool:
        """Whether the token was issued for ``need``."""
        return any(scope.covers(need) for scope in self.scopes)


class IssuedTokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the token server hands out: ``issued_at`` in epoch seconds, ``expires_in`` in seconds."""

    token: str
    scopes: tuple[Scope, ...]
    issued_at: int
    expires_in: int
    refresh: str | None = None


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token for everything that its holder may; ``expires`` in seconds since the epoch."""

    token: str
    expires: int


class _Claims(msgspec.Struct, frozen=True):
    """Claims of our own tokens; only registry tokens have ``access``.

    ``sub`` is empty for everybody (anonymous). ``who`` is there for identities that are not kept here.
    """

    iss: str
    sub: str
    aud: str
    exp: int
    nbf: int
    jti: str = ""
    access: tuple[Scope, ...] = ()
    who: Somebody | None = None


class RegistryTokens:
    """Issues and checks the gateway's own tokens."""

    def __init__(
        self,
        *,
        keys: SigningKeys,
        access: Access,
        people: People,
        revocations: Revocations,
        settings: RegistryTokenSettings,
        clock: Clock = time.time,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.keys = keys
        self._access = access
        self._people = people
        self._revocations = revocations
        self._checked: dict[str, _Claims] = {}

    async def issue(self, principal: Principal, scopes: tuple[Scope, ...], *, offline: bool = False) -> IssuedTokens:
        """A token for ``principal`` limited to ``scopes``; with ``offline``, for a key or robot, a refresh token too.

        The caller has cut ``scopes`` down to what ``principal`` may do; a wider token would not open more, for the
        rights are asked again at each use. No token outlives what its holder came by, and whoever is known by another
        issuer's token gets no refresh token: what that issuer takes away must end with its own.

        Raises ``STORAGE_FAILED``, ``STORAGE_FULL``.
        """
        now = int(self.clock())
        refresh = None
        if offline and principal.kind in _OF_OURSELVES and not principal.is_anonymous:
            refresh = await self._sign(principal, self._refresh_audience, now, self.settings.refresh_lifetime)
        lifetime = _within(principal, now, self.settings.lifetime)
        token = await self._sign(principal, self.settings.service, now, lifetime, scopes)
        return IssuedTokens(token=token, scopes=scopes, issued_at=now, expires_in=lifetime, refresh=refresh)

    async def issue_access(self, principal: Principal, lifetime: int) -> AccessToken:
        """A token with which its bearer is ``principal`` at every door for ``lifetime`` seconds at most.

        Raises ``STORAGE_FAILED``, ``STORAGE_FULL``.
        """
        now = int(self.clock())
        seconds = _within(principal, now, lifetime)
        return AccessToken(
            token=await self._sign(principal, self._access_audience, now, seconds), expires=now + seconds
        )

    def recognises(self, token: str) -> bool:
        """Whether ``token`` could be one of ours, as its header and ``iss`` say; nothing is verified."""
        return token in self._checked or self.keys.recognises(token, ISSUER)

    async def holder(self, token: str) -> Principal:
        """Who holds a registry token (with the rights of now, within its scopes) or an access token.

        Raises ``TOKEN_INVALID``.
        """
        claims = await self._check(token)
        if claims.aud == self._access_audience:
            return await self._principal(claims, "token")
        self._require(claims, self.settings.service)
        whole = await self._principal(claims, "token")
        fields = msgspec.structs.asdict(whole)
        return TokenPrincipal(**fields, whole=whole, scopes=claims.access)

    async def bearer(self, token: str) -> Principal:
        """Who holds an access token. Raises ``TOKEN_INVALID``, for registry tokens too: they open one door only."""
        claims = await self._check(token)
        self._require(claims, self._access_audience)
        return await self._principal(claims, "token")

    async def refreshed(self, refresh: str) -> Principal:
        """Who a refresh token stands for, as of now. Raises ``TOKEN_INVALID``."""
        claims = await self._check(refresh)
        self._require(claims, self._refresh_audience)
        principal = await self._principal(claims, "refresh")
        if principal.kind is PrincipalKind.ANONYMOUS:
            raise Problem(errors.TOKEN_INVALID, "The refresh token stands for nobody.")
        return principal

    async def revoke(self, token: str) -> None:
        """End ``token``, whichever of ours it is, everywhere and at once. Raises ``TOKEN_INVALID``."""
        claims = await self._check(token)
        await self._revocations.revoke(claims.jti, claims.exp)

    @property
    def _refresh_audience(self) -> str:
        """Another audience than that of tokens, so that neither passes for the other."""
        return f"{self.settings.service}#refresh"

    @property
    def _access_audience(self) -> str:
        return f"{self.settings.service}#access"

    async def _principal(self, claims: _Claims, credential: str) -> Principal:
        if claims.who is not None:
            return await self._people.principal(claims.who, f"{credential} {claims.jti}")
        if not claims.sub:
            return await self._access.anonymous()
        return await self._access.by_id(claims.sub, issued=claims.nbf)

    async def _sign(
        self, principal: Principal, audience: str, now: int, lifetime: int, scopes: tuple[Scope, ...] = ()
    ) -> str:
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": "" if principal.is_anonymous else principal.id,
            "aud": audience,
            "exp": now + lifetime,
            "nbf": now,
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "access": msgspec.to_builtins(scopes),
        }
        if principal.kind not in _OF_OURSELVES:
            claims["who"] = msgspec.to_builtins(somebody(principal, now + lifetime))
        return await self.keys.sign(claims)

    async def _check(self, token: str) -> _Claims:
        """The claims of a token that was issued here, has not ended and is not revoked. Raises ``TOKEN_INVALID``."""
        claims = self._checked.get(token)
        if claims is None:
            claims = await self._verify(token)
            if len(self._checked) >= CACHED_TOKENS:
                self._checked.clear()
            self._checked[token] = claims
        now = self.clock()
        if claims.exp <= now:
            self._checked.pop(token, None)
            raise Problem(errors.TOKEN_INVALID, "The token has expired.")
        if claims.iss != ISSUER or claims.nbf > now + CLOCK_LEEWAY_SECONDS:
            raise Problem(errors.TOKEN_INVALID, _OTHER_USE)
        origin = () if claims.who is None else claims.who.attributes.get(ORIGIN_KEY, ())
        await self._revocations.require_valid((claims.jti, *origin), claims.sub, claims.nbf)
        return claims

    def _require(self, claims: _Claims, audience: str) -> None:
        if claims.aud != audience:
            raise Problem(errors.TOKEN_INVALID, _OTHER_USE)

    async def _verify(self, token: str) -> _Claims:
        claims = await self.keys.verify(token)
        try:
            return msgspec.convert(claims, _Claims)
        except msgspec.ValidationError as problem:
            raise Problem(errors.TOKEN_INVALID, "The token's claims are not this server's.") from problem


def somebody(principal: Principal, expires: float) -> Somebody:
    """``principal`` as a token carries it: from then on it comes by that token, and conditions see so.

    What is got for a token of ours names that token, or the one that it was got for: it ends with it.
    """
    attributes = {**principal.attributes, "zotplus:credential": ("token",)}
    form, _, token_id = principal.credential.partition(" ")
    if form == "token":
        attributes.setdefault(ORIGIN_KEY, (token_id,))
    return Somebody(
        id=principal.id,
        kind=principal.kind,
        name=principal.name,
        names=principal.names,
        attributes=attributes,
        expires=expires,
    )


def _within(principal: Principal, now: int, lifetime: int) -> int:
    """``lifetime``, or what is left of what ``principal`` came by. Raises ``TOKEN_INVALID`` where nothing is left."""
    left = principal.expires - now
    if left < 1:
        raise Problem(errors.TOKEN_INVALID, "The token has expired.")
    return int(min(lifetime, left))
