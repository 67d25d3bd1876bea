"""Credential, bucket and small object in one look at one snapshot, for requests that ask for nothing else."""

from collections.abc import Sequence

import msgspec

from zotplus.domain.errors import Problem
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
_REMEMBERED = 1_024


Wanted = tuple[str, str, str]
"""Access key, bucket and key, all ASCII."""


class PlainObject(msgspec.Struct, frozen=True):
    """Who asks, with the secret that proves it, and a small object as it is stored; its content begins at ``start``."""

    principal: Principal
    secret: str
    bucket: BucketRecord
    metadata: bytes
    stored: bytes
    start: int

    @property
    def content(self) -> bytes:
        """Its content."""
        return self.stored[self.start :]

    @property
    def size(self) -> int:
        """The bytes of its content."""
        return len(self.stored) - self.start

    def info(self) -> ObjectInfo | None:
        """What is told of the object, but for its key.

        None unless it is as plain as the request: whole in its record, neither encrypted, tagged nor locked, and of no
        class of its own. Raises ``STORAGE_FAILED``.
        """
        record = decode_metadata(self.metadata)
        if record.slices or record.extras is not None or record.storage_class != _PLAIN_CLASS:
            return None
        return object_info("", record, self.bucket)


class PlainPlace(msgspec.Struct, frozen=True):
    """A bucket that has no more to tell of a request than its plain answer, and who asks for something in it.

    ``takes_content`` says whether a write takes nothing but content: no quota, no object lock, no encryption.
    """

    principal: Principal
    secret: str
    bucket: BucketRecord
    takes_content: bool


class Plain:
    """What plain requests look up, over the key-value port. ``encryption`` is that of new objects.

    What is found out of a bucket and an access key is kept until anything changes in the store.
    """

    def __init__(self, store: KeyValue, access: Access, encryption: Encryption = UNENCRYPTED) -> None:
        self._access = access
        self._encryption = encryption
        self._read_now = store.read_now if isinstance(store, SupportsImmediateRead) else None
        self._version = -1
        self._places: dict[tuple[str, str], PlainPlace] = {}

    def find(self, wanted: Sequence[Wanted]) -> list[PlainObject | None]:
        """For each, all in one snapshot, the object and whoever the access key belongs to.

        None where either is not there, not known yet, or damaged, and for buckets that have more to tell of a read.
        Raises ``STORAGE_FAILED``.
        """
        if self._read_now is None:
            return [None] * len(wanted)

        def look(snapshot: Snapshot) -> list[tuple[PlainPlace, bytes] | None]:
            version = snapshot.version
            return [self._find_stored(snapshot, version, one) for one in wanted]

        return [None if one is None else self._whole(*one) for one in self._read_now(look)]

    def _find_stored(self, snapshot: Snapshot, version: int, wanted: Wanted) -> tuple[PlainPlace, bytes] | None:
        access_key, bucket, key = wanted
        place = self._place(snapshot, version, (access_key, bucket))
        stored = None if place is None else snapshot.get(layout.object_(place.bucket.id, key.encode()))
        return None if place is None or stored is None else (place, stored)

    def _whole(self, place: PlainPlace, stored: bytes) -> PlainObject | None:
        if not self._access.is_current(place.principal):
            return None
        try:
            metadata, start = split_object(stored)
        except Problem:  # told to whoever asks, by the usual way
            return None
        return PlainObject(place.principal, place.secret, place.bucket, metadata, stored, start)

    def find_target(self, access_key: str, bucket: str) -> tuple[Principal, str] | None:
        """Whoever the access key belongs to, and the secret, where writing into the bucket takes nothing but content.

        None where either is not there or not known yet, and for buckets with quota, object lock, default encryption,
        or more to tell of a write. Raises ``STORAGE_FAILED``.
        """
        if self._read_now is None:
            return None
        place = self._read_now(lambda snapshot: self._place(snapshot, snapshot.version, (access_key, bucket)))
        if place is None or not place.takes_content or not self._access.is_current(place.principal):
            return None
        return place.principal, place.secret

    def _place(self, snapshot: Snapshot, version: int, named: tuple[str, str]) -> PlainPlace | None:
        if version != self._version or len(self._places) > _REMEMBERED:
            self._places.clear()
            self._version = version
        try:
            return self._places[named]
        except KeyError:
            place = self._find_place(snapshot, *named)
            if place is not None:  # what is not known yet may be so without a change
                self._places[named] = place
            return place

    def _find_place(self, snapshot: Snapshot, access_key: str, bucket: str) -> PlainPlace | None:
        known = self._access.signer_in(snapshot, access_key)
        data = None if known is None else snapshot.get(layout.bucket(bucket))
        if known is None or data is None:
            return None
        record = bucket_record(data)
        if not _TELLING.isdisjoint(record.documents):
            return None
        is_bounded = record.lock_enabled or record.quota_bytes or record.quota_objects
        takes_content = not is_bounded and self._encryption.choose(record, None) is None
        return PlainPlace(*known, record, takes_content)
