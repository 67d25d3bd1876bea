"""Who owns a new object, and the access control list that it gets.

Spec: Amazon S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket".
"""

from collections.abc import Collection

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import ANONYMOUS
from zotplus.domain.storage.acls import (
    CANNED,
    CANONICAL,
    OWNER_FULL_CONTROL,
    PREFERRED,
    Lines,
    is_open,
    is_private,
    resolved,
)
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.buckets import BucketRecord
from zotplus.records.objects import ObjectRecord
from zotplus.services.projections import with_extras
from zotplus.services.sharing.names import Names
from zotplus.services.sharing.stored import find_block, grants_of, lines_of, lists_count
from zotplus.services.values import AclGrant


def check_list(snapshot: Snapshot, bucket: BucketRecord, asked: tuple[AclGrant, ...]) -> None:
    """Refuse a list that a new object cannot have, before its body is read. Raises what ``owned`` does."""
    if asked:
        _check(snapshot, bucket, tuple([(line.grantee, line.permission) for line in asked]))


def owned(snapshot: Snapshot, bucket: BucketRecord, record: ObjectRecord) -> ObjectRecord:
    """The record of a new object with its owner, and with the list that was asked for in names.

    Raises ``ACL_UNSUPPORTED`` where lists do not count, ``ACCESS_DENIED`` for one that may not be public, and
    ``ARGUMENT_INVALID`` for a grantee who is nobody.
    """
    asked = () if record.extras is None else lines_of(record.extras.acl)
    writer = bucket.owner if record.owner in ("", ANONYMOUS) else record.owner
    if asked:
        _check(snapshot, bucket, asked)
    is_given_away = bucket.ownership == PREFERRED and set(asked) == set(CANNED[OWNER_FULL_CONTROL])
    owner = writer if lists_count(bucket) and not is_given_away else bucket.owner
    if not asked:
        return record if record.owner == owner else msgspec.structs.replace(record, owner=owner)
    lines = resolved(asked, writer=owner, owner=bucket.owner) if lists_count(bucket) else ()
    named = with_extras(record, acl=grants_of(with_names(snapshot, lines, (owner, bucket.owner))))
    return msgspec.structs.replace(named, owner=owner)


def _check(snapshot: Snapshot, bucket: BucketRecord, asked: Lines) -> None:
    if not lists_count(bucket):
        if not is_private(asked):
            raise Problem(errors.ACL_UNSUPPORTED)
        return
    refuse_open(snapshot, bucket, asked)


def refuse_open(snapshot: Snapshot, bucket: BucketRecord, lines: Lines) -> None:
    """Raises ``ACCESS_DENIED`` for a list for everybody where these are blocked. Spec: "BlockPublicAcls"."""
    if is_open(lines) and find_block(snapshot, bucket).block_acls:
        detail = "Public access control lists are blocked by the BlockPublicAcls setting of the bucket."
        raise Problem(errors.ACCESS_DENIED, detail)


def with_names(
    snapshot: Snapshot, lines: Lines, known: tuple[str, ...], issuers: Collection[str] | None = None
) -> Lines:
    """``lines`` with names instead of ids in the form of Amazon's. Raises ``ARGUMENT_INVALID`` for nobody's."""
    names = Names(snapshot, issuers, known)
    found: list[tuple[str, str]] = []
    for grantee, permission in lines:
        name = names.of_grantee(grantee.removeprefix(CANONICAL)) if grantee.startswith(CANONICAL) else grantee
        if not name:
            text = grantee.removeprefix(CANONICAL)
            raise Problem(errors.ARGUMENT_INVALID, "Invalid id", ArgumentName="ID", ArgumentValue=text[:128])
        found.append((name, permission))
    return tuple(dict.fromkeys(found))
