"""Who is gone is named by no bucket's policy and list any more, so that whoever gets the name later inherits nothing.

The text of a policy stays as it was set; set again, it means whoever has the name then. Amazon does so with the ids of
principals that were deleted. Spec: AWS IAM User Guide, "AWS JSON policy elements: Principal", IAM users and roles.
"""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from zotplus.domain.errors import Problem
from zotplus.domain.iam import Policy, Statement
from zotplus.ports.keyvalue import Transaction
from zotplus.records.sharing.documents import BUCKET_POLICY, POLICY_KIND, shared_buckets
from zotplus.services.lookups import find_bucket
from zotplus.services.sharing.stored import find_bucket_policy, find_list, write, write_list

_GONE = "gone:"
"""What stands before the name of who is gone; nobody can be called so."""


def forget_principal(transaction: Transaction, name: str) -> None:
    """Take ``name`` out of what is shared with it by name. Buckets that it owns, and lists of objects, stay its own."""
    for bucket, _ in tuple(shared_buckets(transaction)):
        with suppress(Problem):  # what cannot be read denies everybody
            _forget_in_policy(transaction, bucket, name)
            _forget_in_list(transaction, bucket, name)


def _forget_in_policy(transaction: Transaction, bucket: str, name: str) -> None:
    record = find_bucket_policy(transaction, find_bucket(transaction, bucket))
    if record is None:
        return
    policy = _without(record.policy, name)
    if policy != record.policy:
        changed = msgspec.structs.replace(record, policy=policy)
        write(transaction, bucket, POLICY_KIND, BUCKET_POLICY.encode(changed))


def _forget_in_list(transaction: Transaction, bucket: str, name: str) -> None:
    record = find_bucket(transaction, bucket)
    lines = find_list(transaction, record)
    kept = tuple([line for line in lines if line[0] != name])
    if kept != lines and name != record.owner:
        write_list(transaction, bucket, kept)


def _without(policy: Policy, name: str) -> Policy:
    """``policy`` where nobody stands in the place of ``name``: a statement without any name would mean everybody."""

    def changed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple([_GONE + one if one == name else one for one in names])

    def forgetting(statement: Statement) -> Statement:
        return msgspec.structs.replace(
            statement, principal=changed(statement.principal), not_principal=changed(statement.not_principal)
        )

    return msgspec.structs.replace(policy, statement=tuple(map(forgetting, policy.statement)))
