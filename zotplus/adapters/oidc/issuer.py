"""One issuer's keys over time: kept, renewed behind requests, sought at once when a token names a new one."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import structlog

from zotplus.adapters.oidc.fetching import KeySource, Unfetched
from zotplus.adapters.oidc.keys import KeySet, PublicKey
from zotplus.adapters.oidc.settings import IssuerSettings
from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.identity import IssuerState, IssuerStatus, TokenFault, TokenRefused

RETRY_SECONDS = 5.0
"""After an attempt that failed the issuer is left alone this long: every request would otherwise wait for a timeout."""

NEW_KEY_SECONDS = 5.0
"""Between two fetches on account of unknown key ids, which anybody can make up. An honest token is refused this long at
most, when it was signed with a key made within that time after a fetch."""

Clock: TypeAlias = Callable[[], float]
"""Seconds since the epoch."""

_log = structlog.get_logger()


class Issuer:
    """Keys of one issuer. ``generation`` grows when they change: what was concluded from them is then to be dropped."""

    def __init__(self, settings: IssuerSettings, clock: Clock) -> None:
        self.settings = settings
        self.generation = 0
        self._clock = clock
        self._source = KeySource(settings)
        self._keys: KeySet | None = None
        self._fetched: float | None = None
        self._tried: float | None = None
        self._reason = ""
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str, algorithm: str) -> PublicKey:
        """The key that may verify.

        Raises ``TokenRefused`` or, where a fetch may help later, ``ISSUER_UNAVAILABLE``.
        """
        if self._must_wait():
            await self._fetch()
        self.touch()
        found = self._find(key_id, algorithm)
        if found is None and self._may_fetch(NEW_KEY_SECONDS):
            await self._fetch()
            found = self._find(key_id, algorithm)
        if found is not None:
            return found
        if self._keys is None or self._reason:
            raise Problem(errors.ISSUER_UNAVAILABLE)
        named = f"the key {key_id!r:.300}" if key_id else "no key, where not exactly one would do"
        why = f"The token names {named} for {algorithm}; the issuer has none."
        raise TokenRefused(TokenFault.KEY, why, issuer=self.settings.name)

    def is_current(self) -> bool:
        """Whether what was concluded from the keys still holds; starts to renew them when they are due."""
        if self._must_wait():
            return False
        self.touch()
        return self._keys is not None

    def touch(self) -> None:
        """Start to fetch the keys if they are due. Returns at once."""
        age = self._age(self._fetched)
        if (age is None or age >= self.settings.refresh) and self._may_fetch(RETRY_SECONDS):
            self._begin()

    def status(self) -> IssuerStatus:
        """How it is, as of the last attempt."""
        if self._keys is not None:
            state = IssuerState.STALE if self._reason else IssuerState.READY
        else:
            state = IssuerState.UNAVAILABLE if self._reason else IssuerState.UNKNOWN
        return IssuerStatus(name=self.settings.name, state=state, reason=self._reason, fetched=self._fetched)

    async def close(self) -> None:
        """End a fetch under way."""
        task, self._fetching = self._fetching, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._source.close()

    def _find(self, key_id: str, algorithm: str) -> PublicKey | None:
        return self._keys.find(key_id, algorithm) if self._keys is not None else None

    def _must_wait(self) -> bool:
        """Whether the keys are missing or old, and an attempt is worth waiting for.

        Old keys are not waited for again once the issuer has failed: they go on, and attempts are made behind.
        """
        if self._keys is None:
            return self._may_fetch(RETRY_SECONDS)
        age = self._age(self._fetched)
        is_old = age is None or age >= 2 * self.settings.refresh
        return is_old and not self._reason and self._may_fetch(RETRY_SECONDS)

    def _age(self, moment: float | None) -> float | None:
        """Seconds since ``moment``; None for never, and where the clock was set back, which makes everything due."""
        passed = None if moment is None else self._clock() - moment
        return None if passed is None or passed < 0 else passed

    def _may_fetch(self, pause: float) -> bool:
        """Whether the last attempt was long enough ago; one under way may be joined."""
        age = self._age(self._tried)
        return age is None or age >= pause or (self._fetching is not None and not self._fetching.done())

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._tried = self._clock()
            self._fetching = asyncio.create_task(self._attempt())
        return self._fetching

    async def _fetch(self) -> None:
        """Wait for one attempt, which all who wait share, and which goes on when one of them is cancelled."""
        await asyncio.shield(self._begin())

    async def _attempt(self) -> None:
        try:
            keys = await self._source.read()
        except Unfetched as failure:
            self._failed(str(failure))
        except Exception as failure:  # noqa: BLE001 - whatever an issuer sends must not end more than this attempt
            self._failed(f"an unexpected {type(failure).__name__}")
        else:
            self._succeeded(keys)

    def _failed(self, reason: str) -> None:
        if reason != self._reason:  # once for each reason: an issuer may be down for hours
            _log.warning(
                "issuer_unavailable", issuer=self.settings.name, reason=reason, keys_known=self._keys is not None
            )
        self._reason = reason

    def _succeeded(self, keys: KeySet) -> None:
        changed = self._keys is None or keys.digest != self._keys.digest
        if changed or self._reason:
            _log.info("issuer_keys", issuer=self.settings.name, keys=len(keys.keys), skipped="; ".join(keys.skipped))
        self.generation += changed
        self._keys, self._fetched, self._reason = keys, self._clock(), ""
