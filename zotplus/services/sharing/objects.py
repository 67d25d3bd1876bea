"""Access control lists of objects, and the facts about them on which policies can depend.

Spec: Amazon S3 API Reference, GetObjectAcl, PutObjectAcl; S3 User Guide, "Tagging and access control policies".
"""

from collections.abc import Collection

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import ANONYMOUS
from zotplus.domain.storage.acls import ACL_KEY, FULL_CONTROL, Lines, closed, permissions
from zotplus.domain.storage.tags import decode_tags
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ObjectRecord
from zotplus.services.configuration.documents import read_document
from zotplus.services.lookups import find_bucket, now_ms
from zotplus.services.projections import encoded_object, with_extras
from zotplus.services.sharing.sharing import Sharing
from zotplus.services.sharing.stored import find_block, grants_of, lines_of, lists_count
from zotplus.services.sharing.values import AccessList, Address, AskedList
from zotplus.services.values import NOBODY, AclGrant, Actor
from zotplus.services.versioning.finding import (
    Place,
    find_newest,
    find_place,
    find_version,
    require_version,
    shown_version,
)
from zotplus.services.versioning.storing import announce_version

Facts = dict[str, tuple[str, ...]]
_BUCKET_TAGS = "tagging"
"""The kind of the document with a bucket's tags."""


class ObjectSharing:
    """Over the key-value port; lists are read as ``sharing`` does."""

    def __init__(self, store: KeyValue, sharing: Sharing) -> None:
        self._store = store
        self._sharing = sharing

    async def list_of(self, address: Address) -> AccessList:
        """The list of an object or version. Raises as ``require_version``."""

        def find(snapshot: Snapshot) -> AccessList:
            place = find_place(snapshot, address.bucket, address.key)
            record = require_version(snapshot, place, address.version).record
            grants = tuple([AclGrant(*line) for line in _lines(place.bucket, record)])
            owner, version = _owner(place.bucket, record), shown_version(place.bucket, record)
            return AccessList(owner=owner, grants=grants, version=version)

        return await self._store.read(find)

    async def put_list(self, address: Address, asked: AskedList, by: Actor = NOBODY) -> str | None:
        """Set the list of an object or version, which is announced; the version's id as clients see it.

        Raises as ``require_version`` and ``Sharing.put_bucket_list``.
        """

        def change(transaction: Transaction) -> str | None:
            place = find_place(transaction, address.bucket, address.key)
            found = require_version(transaction, place, address.version)
            owner = _owner(place.bucket, found.record)
            lines = self._sharing.named(transaction, place.bucket, asked, owner)
            if lists_count(place.bucket):
                record = msgspec.structs.replace(with_extras(found.record, acl=grants_of(lines)), owner=owner)
                transaction.put(found.at, encoded_object(record, found.inline))
                announce_version(transaction, place, record, ("ObjectAcl:Put", by, now_ms()))
            return shown_version(place.bucket, found.record)

        return await self._store.write(change)

    async def facts(self, address: Address, names: Collection[str]) -> Facts:
        """What is known of an object (or bucket) before a request about it is decided, as condition keys.

        ``names`` are all those of who asks. What is not there has no facts, and so neither has what cannot be named.
        """
        return await self._store.read(lambda snapshot: _facts(snapshot, address, names))


def _facts(snapshot: Snapshot, address: Address, names: Collection[str]) -> Facts:
    try:
        bucket = find_bucket(snapshot, address.bucket)
    except Problem as problem:
        if problem.fault is not errors.BUCKET_NOT_FOUND:
            raise
        return {}
    data = read_document(snapshot, bucket, _BUCKET_TAGS)
    tags = {} if data is None else decode_tags(data)
    facts = _tagged("aws:resourcetag/", tags)
    record = _find_record(snapshot, address) if address.key else None
    if record is None:
        return facts
    if record.extras is not None:
        facts |= _tagged("s3:existingobjecttag/", record.extras.tags)
    if lists_count(bucket):
        lines = _lines(bucket, record)
        given = permissions(closed(lines) if find_block(snapshot, bucket).ignore_acls else lines, names)
        facts |= {ACL_KEY: given} if given else {}
    return facts


def _tagged(prefix: str, tags: dict[str, str]) -> Facts:
    """Tags as condition keys, whose names do not tell capitals apart; all values where keys differ in nothing else."""
    found: Facts = {}
    for key, value in tags.items():
        name = prefix + key.lower()
        found[name] = (*found.get(name, ()), value)
    return found


def _find_record(snapshot: Snapshot, address: Address) -> ObjectRecord | None:
    """The version that the request is about; None where there is none, or a marker."""
    try:
        place: Place = find_place(snapshot, address.bucket, address.key)
        found = find_version(snapshot, place, address.version) if address.version else find_newest(snapshot, place)
    except Problem as problem:
        if problem.fault not in (errors.ARGUMENT_INVALID, errors.KEY_TOO_LONG, errors.PATH_INVALID):
            raise
        return None
    return None if found is None or found.record.is_marker else found.record


def _owner(bucket: BucketRecord, record: ObjectRecord) -> str:
    """Whose the object is: the bucket's owner's where lists do not count, and where nobody is known."""
    if not lists_count(bucket) or record.owner in ("", ANONYMOUS):
        return bucket.owner
    return record.owner


def _lines(bucket: BucketRecord, record: ObjectRecord) -> Lines:
    """The object's list as it counts: without one of its own its owner may everything."""
    acl = () if record.extras is None or not lists_count(bucket) else record.extras.acl
    return lines_of(acl) if acl else ((_owner(bucket, record), FULL_CONTROL),)
