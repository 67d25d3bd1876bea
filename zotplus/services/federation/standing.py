"""Whether what was issued to somebody still counts: it can be revoked, and a trust can be removed.

Sessions and tokens are not stored, so each use asks here about whom they were issued to and when.
"""

import math
import time
from collections.abc import Mapping

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.access import find_credential, raise_generation
from zotplus.records.issued import EVERYBODY, not_before, put_not_before, under_terms
from zotplus.records.trusts import find_trust
from zotplus.services.federation.trusts import TRUST_PREFIX
from zotplus.services.identity.generation_cache import GenerationCache
from zotplus.services.identity.grantees import (
    AUTHENTICATED,
    PUBLIC,
    is_credential,
    is_user,
    require_grantee,
    require_issuer,
)
from zotplus.services.lookups import Clock, milliseconds

__all__ = ["EVERYBODY", "ORIGIN_KEY", "Standing", "is_standing"]

ORIGIN_KEY = "zotplus:token"
"""The condition key with the id of the token of ours that something was got for, and ends with."""


class _Known(msgspec.Struct, frozen=True):
    """What was issued at ``revoked`` or earlier is void, and so is what is older than ``since``."""

    revoked: float
    since: float

    def covers(self, issued: float) -> bool:
        return issued > self.revoked and issued >= self.since


class Standing:
    """Who lost what was issued to them, cached under the generation that every change raises.

    ``issuers`` are the configured ones, address by name; None: whatever they were.
    """

    def __init__(self, store: KeyValue, issuers: Mapping[str, str] | None = None, *, clock: Clock = time.time) -> None:
        self._store = store
        self._issuers = issuers
        self._clock = clock
        self._known = GenerationCache(store, _load)

    async def require(self, principal_id: str, issued: float) -> None:
        """Raise ``TOKEN_INVALID`` where what was issued then (seconds since the epoch) no longer counts."""
        if not (await self._of(principal_id)).covers(issued):
            raise _ended()

    async def require_unrevoked(self, principal_id: str, issued: float) -> None:
        """The same for a token of another issuer, which may be older than the trust that lets it in."""
        if issued <= (await self._of(principal_id)).revoked:
            raise _ended()

    def require_issuer(self, attributes: Mapping[str, tuple[str, ...]]) -> None:
        """Raise ``TOKEN_INVALID`` where the issuer that vouched for a holder with these condition keys is no more.

        It is gone from the settings, or what has its name there is another one.
        """
        name = attributes.get("zotplus:issuer")
        if name is None or self._issuers is None:
            return
        address = attributes.get("zotplus:claim/iss")
        if address is None or self._issuers.get(name[0]) != address[0]:
            raise _ended()

    async def revoke(self, principal_id: str) -> None:
        """End every session and token that was issued to the principal until now; ``*`` for everybody.

        Raises ``ARGUMENT_INVALID`` for what has no sessions, ``RECORD_NOT_FOUND`` for a key, robot, trust or issuer
        that is not there: what was issued to these has ended already.
        """
        if principal_id != EVERYBODY:
            self._require_identity(principal_id)
        now_ms = milliseconds(self._clock()) + 1  # what was issued within this millisecond is ended as well

        def change(transaction: Transaction) -> None:
            _require_stored(transaction, principal_id)
            put_not_before(transaction, principal_id, now_ms)
            raise_generation(transaction)

        await self._store.write(change)

    def _require_identity(self, principal_id: str) -> None:
        require_grantee(principal_id)
        if is_user(principal_id):
            raise Problem(errors.ARGUMENT_INVALID, "A user's sessions are those of its keys.", argument="principal")
        if principal_id in (PUBLIC, AUTHENTICATED) or principal_id.startswith(("group:", "role:")):
            detail = f"Sessions belong to one identity, or to everybody ({EVERYBODY}); groups have none."
            raise Problem(errors.ARGUMENT_INVALID, detail, argument="principal")
        if self._issuers is not None:
            require_issuer(principal_id, self._issuers)

    async def _of(self, principal_id: str) -> _Known:
        return self._known.peek(principal_id) or await self._known.get(principal_id)


def _ended() -> Problem:
    return Problem(errors.TOKEN_INVALID, "What the credential was issued for has ended.")


def _require_stored(snapshot: Snapshot, principal_id: str) -> None:
    """Refuse a key, robot or trust that is not there. Raises ``RECORD_NOT_FOUND``."""
    if principal_id.startswith(TRUST_PREFIX):
        name = principal_id.removeprefix(TRUST_PREFIX)
        if find_trust(snapshot, name) is None:
            raise Problem(errors.RECORD_NOT_FOUND, f"There is no trust {name!r}; nothing issued under it counts.")
    elif is_credential(principal_id) and find_credential(snapshot, principal_id) is None:
        detail = f"There is no key or robot {principal_id!r:.140}; a person is user:ISSUER:SUBJECT."
        raise Problem(errors.RECORD_NOT_FOUND, detail)


def is_standing(snapshot: Snapshot, principal_id: str, issued: float) -> bool:
    """Whether something issued then to the principal still counts."""
    return _load(snapshot, principal_id).covers(issued)


def _load(snapshot: Snapshot, principal_id: str) -> _Known:
    since = 0.0
    if principal_id.startswith(TRUST_PREFIX):
        record = find_trust(snapshot, principal_id.removeprefix(TRUST_PREFIX))
        # tokens tell their time in whole seconds, so that one of the trust's first second may seem older than it
        since_ms = 0 if record is None else max(record.created_ms, not_before(snapshot, under_terms(principal_id)))
        since = math.inf if record is None else math.floor(since_ms / 1000)
    revoked_ms = not_before(snapshot, principal_id)
    return _Known(revoked_ms / 1000 if revoked_ms else -1.0, since)
