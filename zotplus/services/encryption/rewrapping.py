"""Wrapping the keys of all objects anew under the newest versions of their wrapping keys.

Content is not touched: only records change, a page at a time, while everything else goes on. It can be broken off at
any point and begun again. Objects of SSE-C are their customers' business.
"""

from functools import partial
from typing import TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.objects import EncryptionRecord, ObjectRecord, decode_object
from zotplus.records.uploads import UPLOAD, UploadRecord
from zotplus.services.encryption.encryption import Encryption
from zotplus.services.projections import encoded_object, encryption_of

_TABLES = (layout.OBJECTS, layout.VERSIONS, layout.UPLOADS)
_PAGE = 200
"""Records of one snapshot and one change: with 16 KiB of inline content each, 3 MiB."""
_UNUSABLE = frozenset({errors.KMS_KEY_DISABLED, errors.KMS_KEY_NOT_FOUND, errors.KMS_REFUSED, errors.BLOB_CORRUPT})
"""What keeps one key from being wrapped anew, and says nothing about the next."""

Change: TypeAlias = tuple[bytes, EncryptionRecord, EncryptionRecord]
"""Where a record is, how its key was wrapped, and how it is to be."""


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: encrypted records seen, wrapped anew, and left because their key cannot be used."""

    encrypted: int = 0
    rewrapped: int = 0
    left: int = 0


class Rewrapping:
    """Re-wrapping over the store."""

    def __init__(self, store: KeyValue, encryption: Encryption) -> None:
        self._store = store
        self._encryption = encryption

    async def run(self) -> Rewrapped:
        """Look at every record once. Raises ``KMS_UNAVAILABLE``; what was done until then stays done."""
        encrypted = rewrapped = left = 0
        for table in _TABLES:
            start: bytes | None = table
            while start is not None:
                found, start = await self._store.read(partial(_page, start=start, stop=layout.after(table)))
                changes = [change for one in found if (change := await self._anew(*one)) is not None]
                encrypted += len(found)
                left += sum(change[1] is change[2] for change in changes)
                wanted = [change for change in changes if change[1] is not change[2]]
                if wanted:
                    rewrapped += await self._store.write(partial(_apply, changes=wanted))
        return Rewrapped(encrypted=encrypted, rewrapped=rewrapped, left=left)

    async def _anew(self, at: bytes, held: EncryptionRecord) -> Change | None:
        """None where nothing is to be done; the same record twice where it cannot be."""
        try:
            wrapped = await self._encryption.wrapped_anew(held)
        except Problem as problem:
            if problem.fault not in _UNUSABLE:
                raise
            return at, held, held
        return None if wrapped is None else (at, held, wrapped)


def _page(
    snapshot: Snapshot, *, start: bytes, stop: bytes | None
) -> tuple[list[tuple[bytes, EncryptionRecord]], bytes | None]:
    """The encrypted ones of the next records, and where to go on, None at the end."""
    found: list[tuple[bytes, EncryptionRecord]] = []
    for count, (at, data) in enumerate(snapshot.scan(start, stop)):
        if count == _PAGE:
            return found, at
        held = _encryption_at(at, data)
        if held is not None:
            found.append((at, held))
    return found, None


def _encryption_at(at: bytes, data: bytes) -> EncryptionRecord | None:
    try:
        return encryption_of(_read(at, data)[0])
    except Problem:
        return None  # a damaged record, which the scrub reports


def _read(at: bytes, data: bytes) -> tuple[ObjectRecord | UploadRecord, bytes]:
    return (UPLOAD.decode(data), b"") if at.startswith(layout.UPLOADS) else decode_object(data)


def _apply(transaction: Transaction, *, changes: list[Change]) -> int:
    """Change the records whose key is still wrapped as it was; how many were."""
    count = 0
    for at, held, wrapped in changes:
        data = transaction.get(at)
        if data is None:
            continue
        record, inline = _read(at, data)
        now = encryption_of(record)
        if record.extras is None or now is None or now.wrapped != held.wrapped:
            continue
        again = msgspec.structs.replace(now, wrapped=wrapped.wrapped)
        changed = msgspec.structs.replace(record, extras=msgspec.structs.replace(record.extras, encryption=again))
        if isinstance(changed, ObjectRecord):
            transaction.put(at, encoded_object(changed, inline))
        else:
            transaction.put(at, UPLOAD.encode(changed))
        count += 1
    return count
