"""The life of keys and robots: they expire, are narrowed, get new secrets with an overlap, and show their last use.

A robot keeps its name, and both its secrets are good until the overlap ends. A signature names a key by its id alone,
so a key gets a successor with another id: of the same name, with the same grants, policies and scope; the old key
expires when the overlap ends.
"""

import time
from collections.abc import Collection

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import PrincipalKind
from zotplus.ports.keyvalue import KeyValue, Transaction
from zotplus.ports.sealing import Sealing
from zotplus.records.access import (
    CredentialRecord,
    find_credential,
    grants_of,
    put_credential,
    put_grant,
    put_last_used,
)
from zotplus.records.policies import copy_attachments
from zotplus.services.identity.administrators import guarded
from zotplus.services.identity.credentials import (
    Credential,
    NewCredential,
    draft_credential,
    is_credential_id,
    sealed_record,
    shown_credential,
)
from zotplus.services.identity.grants import insert_credential, new_grant_id
from zotplus.services.lookups import Clock, milliseconds

OVERLAP_MAX = 90 * 86_400
"""Seconds: a rotation that takes longer is none."""
USES_MAX = 10_000
"""Credentials whose use is noted at once."""


class KeyLifecycle:
    """Makes and renews credentials. ``lifetime`` in seconds is that of new ones, None for ever."""

    def __init__(
        self, store: KeyValue, sealing: Sealing, lifetime: float | None = None, *, clock: Clock = time.time
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._lifetime = lifetime
        self._clock = clock

    def usual_expiry(self) -> float | None:
        """When a credential made now expires if nobody says otherwise, in seconds since the epoch; None for never."""
        return None if self._lifetime is None else self._clock() + self._lifetime

    async def create(self, kind: PrincipalKind, name: str, expires: float | None, scope: str = "") -> NewCredential:
        """Make a credential. Raises ``RECORD_EXISTS``, ``ARGUMENT_INVALID``, ``POLICY_INVALID``."""
        wanted = Credential(id="", kind=kind, name=name, created=self._clock(), expires=expires, scope=scope)
        made = draft_credential(wanted, None)
        record = sealed_record(made, self._sealing)

        await self._store.write(lambda transaction: insert_credential(transaction, made.credential.id, record))
        return made

    async def rotate(self, id_: str, overlap: float) -> NewCredential:
        """A new secret; the old one is good for ``overlap`` more seconds, but no longer than it would have been.

        Without an overlap the tokens that were got by the old secret end too. The new one has the usual lifetime, or
        none where the old one had none. Raises ``RECORD_NOT_FOUND``, ``ARGUMENT_INVALID``, ``LAST_ADMINISTRATOR``.
        """
        if not 0 <= overlap <= OVERLAP_MAX:
            raise Problem(
                errors.ARGUMENT_INVALID, f"An overlap has 0 to {OVERLAP_MAX} seconds.", argument="overlap_seconds"
            )

        def renew(transaction: Transaction) -> NewCredential:
            record = find_credential(transaction, id_) if is_credential_id(id_) else None
            if record is None:
                raise Problem(errors.RECORD_NOT_FOUND, "There is no such key or robot.")
            renewal = self._renew_robot if record.kind == PrincipalKind.ROBOT.value else self._succeed_key
            return guarded(transaction, self._clock(), lambda: renewal(transaction, id_, record, overlap))

        return await self._store.write(renew)

    async def note_use(self, ids: Collection[str]) -> None:
        """Remember that the credentials among ``ids`` have been used by now; one small write for all of them."""
        known = [id_ for id_ in ids if is_credential_id(id_)][:USES_MAX]
        now_ms = milliseconds(self._clock())

        def note(transaction: Transaction) -> None:
            for id_ in known:
                if find_credential(transaction, id_) is not None:
                    put_last_used(transaction, id_, now_ms)

        if known:
            await self._store.write(note)

    def _draft(self, id_: str, record: CredentialRecord) -> NewCredential:
        """The same credential made now, with a new secret."""
        expires = None if record.expires_ms is None else self.usual_expiry()
        shown = shown_credential(id_, record)
        return draft_credential(msgspec.structs.replace(shown, created=self._clock(), expires=expires), None)

    def _renew_robot(
        self, transaction: Transaction, id_: str, record: CredentialRecord, overlap: float
    ) -> NewCredential:
        made = self._draft(id_, record)
        new = sealed_record(made, self._sealing)
        if overlap:
            ends = _first(record.expires_ms, milliseconds(self._clock() + overlap))
            # made when the old one was, so that tokens which were got by it go on
            kept = {"created_ms": record.created_ms, "former": record.sealed, "former_until_ms": ends}
            new = msgspec.structs.replace(new, **kept)
        put_credential(transaction, id_, new)
        return made

    def _succeed_key(
        self, transaction: Transaction, id_: str, record: CredentialRecord, overlap: float
    ) -> NewCredential:
        made = self._draft("", record)
        new_id = made.credential.id
        put_credential(transaction, new_id, sealed_record(made, self._sealing))
        for _, grant in grants_of(transaction, id_):
            put_grant(transaction, new_grant_id(), msgspec.structs.replace(grant, grantee=new_id))
        copy_attachments(transaction, id_, new_id)
        ends = _first(record.expires_ms, milliseconds(self._clock() + overlap))
        put_credential(transaction, id_, msgspec.structs.replace(record, expires_ms=ends))
        return made


def _first(expires_ms: int | None, ends_ms: int) -> int:
    return ends_ms if expires_ms is None else min(expires_ms, ends_ms)
