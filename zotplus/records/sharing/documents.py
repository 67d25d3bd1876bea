"""Records of what opens a bucket to others: its policy, its access control list, and what may not be opened.

They are documents of the bucket. A table of its own names the buckets where any of it counts, so that who may what is
known without looking at all buckets; its value changes with each of them.
"""

from collections.abc import Iterator

import msgspec

from zotplus.domain.iam import Policy
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.access import generation, raise_generation
from zotplus.records.objects import GrantRecord
from zotplus.records.shape import Shape

POLICY_KIND = "policy"
ACL_KIND = "acl"
BLOCK_KIND = "publicAccessBlock"

_REVISION_BYTES = 8


class BucketPolicyRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A bucket's policy: the ``text`` as it was sent, and the same in the language of the registry (``policy``).

    That was checked when it was set. Reading a text anew takes a hundred times as long, and there can be thousands.
    """

    text: bytes
    policy: Policy


class AclRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A bucket's access control list."""

    grants: tuple[GrantRecord, ...]


class PublicAccessBlockRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a bucket's policy and lists may not open to the public. Spec: S3 API, PublicAccessBlockConfiguration."""

    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict: bool = False


BUCKET_POLICY = Shape(b"w\x01", BucketPolicyRecord)
ACL = Shape(b"l\x01", AclRecord)
PUBLIC_ACCESS_BLOCK = Shape(b"p\x01", PublicAccessBlockRecord)


def note_shared(transaction: Transaction, name: str, *, counts: bool) -> None:
    """Say whether the policy or lists of the bucket count, and that they have changed; who may what is stale then."""
    raise_generation(transaction)
    if counts:
        transaction.put(layout.shared(name), generation(transaction).to_bytes(_REVISION_BYTES, "big"))
    else:
        transaction.delete(layout.shared(name))


def shared_buckets(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """Name and revision of every bucket whose policy or lists count, by name."""
    for key, value in snapshot.scan(*layout.table_span(layout.SHARED)):
        yield key[1:].decode(), value
