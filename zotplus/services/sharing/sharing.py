"""The use cases of sharing: policies, public access blocks, ownership controls and lists of buckets.

Every change holds from the next request on, in every worker.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.buckets.publicity import is_public
from zotplus.domain.iam.buckets.reading import parse_bucket_policy
from zotplus.domain.storage.acls import ENFORCED, FULL_CONTROL, Lines, resolved
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.records.buckets import BucketRecord
from zotplus.records.sharing.documents import (
    BLOCK_KIND,
    BUCKET_POLICY,
    POLICY_KIND,
    PUBLIC_ACCESS_BLOCK,
    BucketPolicyRecord,
    PublicAccessBlockRecord,
)
from zotplus.services.configuration.documents import change_bucket
from zotplus.services.lookups import find_bucket
from zotplus.services.sharing.names import Names
from zotplus.services.sharing.ownership import refuse_open, with_names
from zotplus.services.sharing.stored import (
    find_block,
    find_bucket_policy,
    find_list,
    lists_count,
    renew,
    write,
    write_list,
)
from zotplus.services.sharing.values import AccessList, AskedList, PublicAccessBlock
from zotplus.services.values import AclGrant

T = TypeVar("T")


class Sharing:
    """Over the key-value port; ``issuers`` are the configured ones. Every method raises ``BUCKET_NOT_FOUND``."""

    def __init__(self, store: KeyValue, *, issuers: Collection[str] = ()) -> None:
        self._store = store
        self._issuers = frozenset(issuers)

    async def put_policy(self, name: str, text: bytes) -> None:
        """Set the bucket's policy.

        Raises ``POLICY_INVALID``, and ``ACCESS_DENIED`` for a public one where these are blocked.
        """
        policy = await self._read(
            name, lambda snapshot, _: parse_bucket_policy(text, name, Names(snapshot, self._issuers).of_principal)
        )
        opens = is_public(policy)
        record = BucketPolicyRecord(text=text, policy=policy)

        def insert(transaction: Transaction) -> None:
            if opens and find_block(transaction, find_bucket(transaction, name)).block_policy:
                detail = "Public policies are blocked by the BlockPublicPolicy setting of the bucket."
                raise Problem(errors.ACCESS_DENIED, detail)
            write(transaction, name, POLICY_KIND, BUCKET_POLICY.encode(record))

        await self._store.write(insert)

    async def policy(self, name: str) -> bytes:
        """The policy as it was set, byte by byte. Raises ``POLICY_MISSING``."""
        return (await self._read(name, _require_policy)).text

    async def is_public(self, name: str) -> bool:
        """Whether the policy lets in whoever comes. Raises ``POLICY_MISSING``."""
        return is_public((await self._read(name, _require_policy)).policy)

    async def delete_policy(self, name: str) -> None:
        """Remove the policy; no error where there is none."""
        await self._store.write(lambda transaction: write(transaction, name, POLICY_KIND, None))

    async def block(self, name: str) -> PublicAccessBlock:
        """What may not be opened to the public. Raises ``PUBLIC_ACCESS_BLOCK_MISSING`` where nobody said."""

        def find(snapshot: Snapshot, bucket: BucketRecord) -> PublicAccessBlock:
            if BLOCK_KIND not in bucket.documents:
                raise Problem(errors.PUBLIC_ACCESS_BLOCK_MISSING, bucket=name)
            return PublicAccessBlock(**msgspec.structs.asdict(find_block(snapshot, bucket)))

        return await self._read(name, find)

    async def put_block(self, name: str, block: PublicAccessBlock | None) -> None:
        """Set what may not be opened to the public, or take that back (None)."""
        record = None if block is None else PublicAccessBlockRecord(**msgspec.structs.asdict(block))
        data = None if record is None else PUBLIC_ACCESS_BLOCK.encode(record)
        await self._store.write(lambda transaction: write(transaction, name, BLOCK_KIND, data))

    async def ownership(self, name: str) -> str:
        """Who owns what others write, as S3 says it. Raises ``OWNERSHIP_MISSING`` where the controls were deleted."""
        found = (await self._read(name, lambda _, bucket: bucket)).ownership
        if not found:
            raise Problem(errors.OWNERSHIP_MISSING, bucket=name)
        return found

    async def put_ownership(self, name: str, ownership: str) -> None:
        """Set who owns what others write; empty: as ``ObjectWriter``, and unsaid.

        Raises ``ACL_CONFLICT`` where the bucket's list gives something to others and would count no more.
        """

        def change(transaction: Transaction) -> None:
            bucket = find_bucket(transaction, name)
            if ownership == ENFORCED:
                if find_list(transaction, bucket) != _own(bucket):
                    raise Problem(errors.ACL_CONFLICT)
                write_list(transaction, name, None)
            change_bucket(transaction, name, lambda record: msgspec.structs.replace(record, ownership=ownership))
            renew(transaction, name)

        await self._store.write(change)

    async def bucket_list(self, name: str) -> AccessList:
        """The bucket's access control list."""

        def find(snapshot: Snapshot, bucket: BucketRecord) -> AccessList:
            grants = tuple([AclGrant(*line) for line in find_list(snapshot, bucket)])
            return AccessList(owner=bucket.owner, grants=grants)

        return await self._read(name, find)

    async def put_bucket_list(self, name: str, asked: AskedList) -> None:
        """Set the bucket's access control list.

        Raises ``ACL_UNSUPPORTED`` where lists do not count, ``ACCESS_DENIED`` for one that may not be public, and
        ``ARGUMENT_INVALID`` for a grantee or owner who is nobody.
        """

        def change(transaction: Transaction) -> None:
            bucket = find_bucket(transaction, name)
            lines = self.named(transaction, bucket, asked, bucket.owner)
            if lists_count(bucket):
                write_list(transaction, name, lines)

        await self._store.write(change)

    def named(self, snapshot: Snapshot, bucket: BucketRecord, asked: AskedList, owner: str) -> Lines:
        """The list that is ``asked`` for, of ``owner``'s bucket or object, with names. Raises as ``put_bucket_list``.

        Where lists do not count, one that says no more than that the owner may everything is taken, as on Amazon.
        """
        lines = resolved([(line.grantee, line.permission) for line in asked.grants], writer=owner, owner=bucket.owner)
        known = (owner, bucket.owner)
        if not lists_count(bucket):
            if _named_own(snapshot, lines, known):
                return ()
            raise Problem(errors.ACL_UNSUPPORTED)
        if asked.owner is not None and Names(snapshot, self._issuers, known).of_grantee(asked.owner) != owner:
            raise Problem(errors.ARGUMENT_INVALID, "Invalid id", ArgumentName="ID", ArgumentValue=asked.owner[:128])
        named = with_names(snapshot, lines, known, self._issuers)
        refuse_open(snapshot, bucket, named)
        return named

    async def _read(self, name: str, find: Callable[[Snapshot, BucketRecord], T]) -> T:
        return await self._store.read(lambda snapshot: find(snapshot, find_bucket(snapshot, name)))


def _own(bucket: BucketRecord) -> Lines:
    return ((bucket.owner, FULL_CONTROL),)


def _named_own(snapshot: Snapshot, lines: Lines, known: tuple[str, str]) -> bool:
    """Whether a list gives everything to the bucket's owner, and nothing to anybody else."""
    try:
        named = with_names(snapshot, lines, known)
    except Problem:
        return False
    return bool(named) and set(named) <= {(name, FULL_CONTROL) for name in known}


def _require_policy(snapshot: Snapshot, bucket: BucketRecord) -> BucketPolicyRecord:
    found = find_bucket_policy(snapshot, bucket)
    if found is None:
        raise Problem(errors.POLICY_MISSING)
    return found
