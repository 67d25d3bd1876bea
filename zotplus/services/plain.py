"""Credential, bucket and small object in one look at one snapshot, for requests that ask for nothing else."""

import msgspec

from zotplus.domain.principals import Principal
from zotplus.ports.keyvalue import KeyValue, Snapshot, SupportsImmediateRead
from zotplus.records import layout
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import decode_metadata, split_object
from zotplus.services.encryption.encryption import UNENCRYPTED, Encryption
from zotplus.services.identity.access import Access
from zotplus.services.lookups import bucket_record
from zotplus.services.projections import object_info
from zotplus.services.values import ObjectInfo

_TELLING = frozenset({"lifecycle", "logging"})
"""Kinds of documents for which more of a request is told than its plain answer."""
_PLAIN_CLASS = "STANDARD"


class PlainObject(msgspec.Struct, frozen=True):
    """Who asks, with the secret that proves it, and a small object: its stored metadata and its content."""

    principal: Principal
    secret: str
    bucket: BucketRecord
    metadata: bytes
    content: bytes

    def info(self) -> ObjectInfo | None:
        """What is told of the object, but for its key.

        None unless it is as plain as the request: whole in its record, neither encrypted, tagged nor locked, and of no
        class of its own. Raises ``STORAGE_FAILED``.
        """
        record = decode_metadata(self.metadata)
        if record.slices or record.extras is not None or record.storage_class != _PLAIN_CLASS:
            return None
        return object_info("", record, self.bucket)


class Plain:
    """What plain requests look up, over the key-value port. ``encryption`` is that of new objects."""

    def __init__(self, store: KeyValue, access: Access, encryption: Encryption = UNENCRYPTED) -> None:
        self._access = access
        self._encryption = encryption
        self._read_now = store.read_now if isinstance(store, SupportsImmediateRead) else None

    def find(self, access_key: str, bucket: str, key: str) -> PlainObject | None:
        """The object, and whoever the access key belongs to; None where either is not there or not known yet.

        ``bucket`` and ``key`` are ASCII. None too for buckets that have more to tell of a read. Raises
        ``BLOB_CORRUPT``, ``STORAGE_FAILED``.
        """
        if self._read_now is None:
            return None

        def look(snapshot: Snapshot) -> tuple[Principal, str, BucketRecord, bytes] | None:
            known = self._access.signer_in(snapshot, access_key)
            data = None if known is None else snapshot.get(layout.bucket(bucket))
            if known is None or data is None:
                return None
            place = bucket_record(data)
            stored = snapshot.get(layout.object_(place.id, key.encode()))
            return None if stored is None else (*known, place, stored)

        seen = self._read_now(look)
        if seen is None:
            return None
        principal, secret, place, stored = seen
        if place.documents and not _TELLING.isdisjoint(place.documents):
            return None
        metadata, content = split_object(stored)
        return PlainObject(principal, secret, place, metadata, content)

    def find_target(self, access_key: str, bucket: str) -> tuple[Principal, str] | None:
        """Whoever the access key belongs to, and the secret, where writing into the bucket takes nothing but content.

        None where either is not there or not known yet, and for buckets with quota, object lock, default encryption,
        or more to tell of a write. Raises ``STORAGE_FAILED``.
        """
        if self._read_now is None:
            return None

        def look(snapshot: Snapshot) -> tuple[tuple[Principal, str], bytes] | None:
            known = self._access.signer_in(snapshot, access_key)
            data = None if known is None else snapshot.get(layout.bucket(bucket))
            return None if known is None or data is None else (known, data)

        seen = self._read_now(look)
        if seen is None:
            return None
        known, data = seen
        place = bucket_record(data)
        if place.lock_enabled or place.quota_bytes or place.quota_objects or not _TELLING.isdisjoint(place.documents):
            return None
        return None if self._encryption.choose(place, None) is not None else known
