"""Registry tokens: short-lived bearer tokens that say which repositories a client asked for and may use.

Spec: https://distribution.github.io/distribution/spec/auth/token/ and …/auth/jwt/. A token never widens a right: at
each use its subject is looked up again, so a revoked credential or grant ends its tokens at once.
"""

import secrets
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import OCI_CATALOG, OCI_DELETE, OCI_PULL, OCI_PUSH
from zotplus.domain.errors import Problem
from zotplus.domain.iam import NO_ATTRIBUTES, Attributes, Decision, Denied, Need
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.ports.tokens import TokenSigner
from zotplus.services.identity.access import Access

ISSUER = "zotplus"
KEY_PREFIX = b"T"
KEY_STOP = b"U"
"""Signing keys are the table ``T`` of the keyspace (``records.layout`` has the others): ``T <key id>``."""
CLOCK_LEEWAY_SECONDS = 60
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


class _Claims(msgspec.Struct, frozen=True):
    """Claims of our own tokens; a refresh token has no ``access``. ``sub`` is empty for everybody (anonymous)."""

    iss: str
    sub: str
    aud: str
    exp: int
    nbf: int
    access: tuple[Scope, ...] = ()


class _StoredKey(msgspec.Struct, frozen=True, array_like=True):
    """A signing key at rest. ``version`` is 1; ``created`` in epoch seconds."""

    version: int
    created: float
    sealed: bytes


class RegistryTokens:
    """Issues and checks registry tokens under a key that is sealed in the key-value store, one for all workers."""

    def __init__(
        self, store: KeyValue, sealing: Sealing, signer: TokenSigner, access: Access, settings: RegistryTokenSettings
    ) -> None:
        self.settings = settings
        self.clock: Callable[[], float] = time.time
        self._store = store
        self._sealing = sealing
        self._signer = signer
        self._access = access
        self._keys: dict[str, bytes] = {}
        self._current = ""
        self._checked: dict[str, _Claims] = {}

    async def issue(self, principal: Principal, scopes: tuple[Scope, ...], *, offline: bool = False) -> IssuedTokens:
        """A token for ``principal`` limited to ``scopes``; with ``offline``, for somebody known, a refresh token too.

        The caller has cut ``scopes`` down to what ``principal`` may do; a wider token would not open more, for the
        rights are asked again at each use. Raises ``STORAGE_FAILED``, ``STORAGE_FULL``.
        """
        now = int(self.clock())
        subject = "" if principal.is_anonymous else principal.id
        refresh = None
        if offline and subject:
            refresh = await self._sign(subject, self._refresh_audience, now, self.settings.refresh_lifetime)
        token = await self._sign(subject, self.settings.service, now, self.settings.lifetime, scopes)
        return IssuedTokens(
            token=token, scopes=scopes, issued_at=now, expires_in=self.settings.lifetime, refresh=refresh
        )

    async def holder(self, token: str) -> TokenPrincipal:
        """Who holds ``token``, with the rights of now within the token's scopes. Raises ``TOKEN_INVALID``."""
        claims = await self._check(token, self.settings.service)
        whole = await (self._access.by_id(claims.sub, issued=claims.nbf) if claims.sub else self._access.anonymous())
        return TokenPrincipal(
            id=whole.id, kind=whole.kind, name=whole.name, policies=whole.policies, whole=whole, scopes=claims.access
        )

    async def refreshed(self, refresh: str) -> Principal:
        """Who a refresh token stands for, as of now. Raises ``TOKEN_INVALID``."""
        claims = await self._check(refresh, self._refresh_audience)
        principal = await self._access.by_id(claims.sub, issued=claims.nbf)
        if principal.kind is PrincipalKind.ANONYMOUS:
            raise Problem(errors.TOKEN_INVALID, "The refresh token stands for nobody.")
        return principal

    async def rotate(self) -> None:
        """Sign with a new key from now on. Keys older than the longest lifetime of a token are dropped."""
        pem = self._signer.generate()
        kept_since = self.clock() - self.settings.refresh_lifetime

        def change(transaction: Transaction) -> None:
            stored = _stored_keys(transaction)
            oldest_first = sorted(stored, key=lambda key_id: stored[key_id].created)
            # a key signs until its successor comes, so it is the successor's age that counts
            for key_id, successor in pairwise(oldest_first):
                if stored[successor].created < kept_since:
                    transaction.delete(KEY_PREFIX + key_id.encode())
            self._put(transaction, pem)

        await self._store.write(change)
        await self._load()

    @property
    def _refresh_audience(self) -> str:
        """Another audience than that of tokens, so that neither passes for the other."""
        return f"{self.settings.service}#refresh"

    async def _sign(self, subject: str, audience: str, now: int, lifetime: int, scopes: tuple[Scope, ...] = ()) -> str:
        if not self._current:
            await self._load_or_make()
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": subject,
            "aud": audience,
            "exp": now + lifetime,
            "nbf": now,
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "access": msgspec.to_builtins(scopes),
        }
        return self._signer.sign(self._current, self._keys[self._current], claims)

    async def _check(self, token: str, audience: str) -> _Claims:
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
        if claims.iss != ISSUER or claims.aud != audience or claims.nbf > now + CLOCK_LEEWAY_SECONDS:
            raise Problem(errors.TOKEN_INVALID, "The token was not issued for this use.")
        return claims

    async def _verify(self, token: str) -> _Claims:
        key_id = self._signer.key_id(token)
        if key_id not in self._keys:
            await self._load()
        if key_id not in self._keys:
            raise Problem(errors.TOKEN_INVALID, "The token names a key that this server does not have.")
        claims = self._signer.verify(token, self._keys[key_id])
        try:
            return msgspec.convert(claims, _Claims)
        except msgspec.ValidationError as problem:
            raise Problem(errors.TOKEN_INVALID, "The token's claims are not this server's.") from problem

    async def _load_or_make(self) -> None:
        await self._load()
        if self._current:
            return
        pem = self._signer.generate()

        def first(transaction: Transaction) -> None:
            if not _stored_keys(transaction):  # another worker may have been faster
                self._put(transaction, pem)

        await self._store.write(first)
        await self._load()

    def _put(self, transaction: Transaction, pem: bytes) -> None:
        key_id = secrets.token_hex(8)
        sealed = self._sealing.seal(pem, KEY_PREFIX + key_id.encode())
        stored = _StoredKey(1, self.clock(), sealed)
        transaction.put(KEY_PREFIX + key_id.encode(), msgspec.msgpack.encode(stored))

    async def _load(self) -> None:
        stored = await self._store.read(_stored_keys)
        self._keys = {
            key_id: self._keys.get(key_id) or self._sealing.open(key.sealed, KEY_PREFIX + key_id.encode())
            for key_id, key in stored.items()
        }
        self._current = max(stored, key=lambda key_id: stored[key_id].created, default="")


def _stored_keys(snapshot: Snapshot) -> dict[str, _StoredKey]:
    """All signing keys by key id. A damaged one stops everything: nothing is signed or accepted then."""
    try:
        return {
            name[len(KEY_PREFIX) :].decode(): msgspec.msgpack.decode(value, type=_StoredKey)
            for name, value in snapshot.scan(KEY_PREFIX, KEY_STOP)
        }
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Problem(errors.STORAGE_FAILED, "A signing key of the token server is damaged.") from problem
