"""How a new bucket is shared. Spec: Amazon S3 API Reference, CreateBucket (x-amz-acl, x-amz-object-ownership)."""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.acls import is_private, resolved
from zotplus.ports.keyvalue import Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.services.sharing.ownership import with_names
from zotplus.services.sharing.stored import lists_count, renew, write_list
from zotplus.services.values import AclGrant


def begin_shared(transaction: Transaction, name: str, bucket: BucketRecord, acl: tuple[AclGrant, ...]) -> None:
    """Give the bucket that was just made its access control list; nothing changes where it has none of its own.

    Raises ``ACL_CONFLICT``, ``ARGUMENT_INVALID``.
    """
    asked = [(line.grantee, line.permission) for line in acl]
    if not lists_count(bucket):
        if not is_private(asked):
            raise Problem(errors.ACL_CONFLICT)
        return
    if asked:
        lines = resolved(asked, writer=bucket.owner, owner=bucket.owner)
        write_list(transaction, name, with_names(transaction, lines, (bucket.owner,)))
    else:
        renew(transaction, name)
