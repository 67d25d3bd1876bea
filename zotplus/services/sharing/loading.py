"""Policies and access control lists of all buckets, prepared for the evaluator.

A change of one bucket reads and prepares that one anew: a thousand others cost a look at their revisions.
"""

from zotplus.domain.errors import Problem
from zotplus.domain.iam import Layer, Policy, unreadable
from zotplus.domain.iam.buckets.publicity import restricted
from zotplus.domain.iam.buckets.reading import bound
from zotplus.domain.iam.statements import Prepared, prepared
from zotplus.domain.storage.acls import closed, list_policy
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.buckets import BucketRecord
from zotplus.records.sharing.documents import shared_buckets
from zotplus.services.lookups import find_bucket
from zotplus.services.sharing.stored import find_block, find_bucket_policy, find_list, lists_count


class SharedBuckets:
    """Keeps the statements of every bucket until its revision changes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, list[Prepared]]] = {}

    def statements(self, snapshot: Snapshot) -> list[Prepared]:
        """All statements of the policies and lists of buckets. Raises nothing: what cannot be read denies."""
        kept: dict[str, tuple[bytes, list[Prepared]]] = {}
        for name, revision in shared_buckets(snapshot):
            known = self._kept.get(name)
            if known is None or known[0] != revision:
                policies = policies_of(snapshot, name)
                known = revision, [row for policy in policies for row in prepared(policy, Layer.RESOURCE)]
            kept[name] = known
        self._kept = kept
        return [row for _, rows in kept.values() for row in rows]


def policies_of(snapshot: Snapshot, name: str) -> tuple[Policy, ...]:
    """What policy and lists of the bucket mean for the evaluator; what cannot be read denies everything in it."""
    try:
        return _policies(snapshot, name, find_bucket(snapshot, name))
    except Problem:
        return (bound(unreadable(""), name),)


def _policies(snapshot: Snapshot, name: str, bucket: BucketRecord) -> tuple[Policy, ...]:
    found: list[Policy] = []
    block = find_block(snapshot, bucket)
    record = find_bucket_policy(snapshot, bucket)
    if record is not None:
        policy = bound(record.policy, name)
        found.append(restricted(policy) if block.restrict else policy)
    if lists_count(bucket):
        lines = find_list(snapshot, bucket)
        found.append(list_policy(name, closed(lines) if block.ignore_acls else lines))
    return tuple(found)


def policy_named(snapshot: Snapshot, policy_id: str) -> Policy | None:
    """The policy or list of a bucket that decisions call ``policy_id`` (``bucket:name``, ``acl:name``)."""
    _, _, name = policy_id.partition(":")
    return next((policy for policy in policies_of(snapshot, name) if policy.id == policy_id), None)
