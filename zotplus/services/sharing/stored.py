"""What is stored of how a bucket is shared, and the one way to change it."""

from zotplus.domain.storage.acls import ENFORCED, FULL_CONTROL, Lines
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import GrantRecord
from zotplus.records.sharing.documents import (
    ACL,
    ACL_KIND,
    BLOCK_KIND,
    BUCKET_POLICY,
    POLICY_KIND,
    PUBLIC_ACCESS_BLOCK,
    AclRecord,
    BucketPolicyRecord,
    PublicAccessBlockRecord,
    note_shared,
)
from zotplus.services.configuration.documents import read_document, write_document
from zotplus.services.lookups import find_bucket

NOTHING_BLOCKED = PublicAccessBlockRecord()


def lists_count(bucket: BucketRecord) -> bool:
    """Whether access control lists of the bucket and its objects count at all."""
    return bucket.ownership != ENFORCED


def find_bucket_policy(snapshot: Snapshot, bucket: BucketRecord) -> BucketPolicyRecord | None:
    """The bucket's policy, or None. Raises ``STORAGE_FAILED``."""
    data = read_document(snapshot, bucket, POLICY_KIND)
    return None if data is None else BUCKET_POLICY.decode(data)


def find_block(snapshot: Snapshot, bucket: BucketRecord) -> PublicAccessBlockRecord:
    """What may not be opened to the public; nothing where nobody said. Raises ``STORAGE_FAILED``."""
    data = read_document(snapshot, bucket, BLOCK_KIND)
    return NOTHING_BLOCKED if data is None else PUBLIC_ACCESS_BLOCK.decode(data)


def find_list(snapshot: Snapshot, bucket: BucketRecord) -> Lines:
    """The bucket's access control list: that of its owner alone unless another was set and lists count."""
    data = read_document(snapshot, bucket, ACL_KIND) if lists_count(bucket) else None
    return ((bucket.owner, FULL_CONTROL),) if data is None else lines_of(ACL.decode(data).grants)


def lines_of(grants: tuple[GrantRecord, ...]) -> Lines:
    """A stored list as lines."""
    return tuple([(grant.grantee, grant.permission) for grant in grants])


def grants_of(lines: Lines) -> tuple[GrantRecord, ...]:
    """Lines as they are stored."""
    return tuple([GrantRecord(grantee=grantee, permission=permission) for grantee, permission in lines])


def write_list(transaction: Transaction, name: str, lines: Lines | None) -> None:
    """Set the bucket's list, or remove it (None), as ``write``."""
    write(transaction, name, ACL_KIND, None if lines is None else ACL.encode(AclRecord(grants=grants_of(lines))))


def write(transaction: Transaction, name: str, kind: str, data: bytes | None) -> None:
    """Set or remove (None) a document that says who may what; every cache of that is stale then."""
    write_document(transaction, name, kind, data)
    renew(transaction, name)


def renew(transaction: Transaction, name: str) -> None:
    """Say that it has changed who may what in the bucket; to be called after the change."""
    bucket = find_bucket(transaction, name)
    note_shared(transaction, name, counts=_counts(bucket))


def forget(transaction: Transaction, name: str, bucket: BucketRecord) -> None:
    """The bucket is gone; one that takes its name inherits nothing."""
    if _counts(bucket):
        note_shared(transaction, name, counts=False)


def _counts(bucket: BucketRecord) -> bool:
    return lists_count(bucket) or POLICY_KIND in bucket.documents
