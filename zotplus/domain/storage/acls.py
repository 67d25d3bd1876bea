"""Access control lists: the canned ones, what a permission allows, and lists as policies of the one evaluator.

A list is lines of a grantee and a permission. Grantees are principal ids, ``public`` and ``authenticated``; while a
list is on its way in, also stand-ins for whoever writes, the bucket's owner, and ids in the form of Amazon's.

Spec: Amazon S3 User Guide, "Access control list (ACL) overview": "Canned ACL", "Mapping of ACL permissions and access
policy permissions".
"""

from collections.abc import Collection, Iterable
from typing import Final, TypeAlias

from zotplus.domain.iam.language import Effect, Policy, Statement
from zotplus.domain.iam.principal_names import AUTHENTICATED, EVERYBODY, PUBLIC

Line: TypeAlias = tuple[str, str]
"""Grantee and permission."""
Lines: TypeAlias = tuple[Line, ...]

READ: Final = "READ"
WRITE: Final = "WRITE"
READ_ACP: Final = "READ_ACP"
WRITE_ACP: Final = "WRITE_ACP"
FULL_CONTROL: Final = "FULL_CONTROL"
PERMISSIONS: Final = (READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL)

GRANTS_MAX: Final = 100
"""Lines of one list. Spec: "Access control list (ACL) overview", up to 100 grants."""

WRITER: Final = "@writer"
"""Whoever writes the object; of a bucket's list its owner."""
BUCKET_OWNER: Final = "@bucket-owner"
LOG_DELIVERY: Final = "@log-delivery"
"""The group that writes access logs. It is nobody who could ask."""
CANONICAL: Final = "#"
"""What an id in the form of Amazon's canonical user ids begins with, until it is known whose it is."""

ACL_KEY: Final = "zotplus:acl"
"""The condition key that tells what an object's list gives the caller."""

ENFORCED: Final = "BucketOwnerEnforced"
PREFERRED: Final = "BucketOwnerPreferred"
OWNERSHIPS: Final = (ENFORCED, PREFERRED, "ObjectWriter")
"""Spec: S3 API, OwnershipControlsRule. Lists count unless it is the first."""

PRIVATE: Final = "private"
OWNER_FULL_CONTROL: Final = "bucket-owner-full-control"
_OWN: Line = (WRITER, FULL_CONTROL)
_OPEN = frozenset({PUBLIC, AUTHENTICATED})

CANNED: dict[str, Lines] = {
    PRIVATE: (_OWN,),
    "public-read": (_OWN, (PUBLIC, READ)),
    "public-read-write": (_OWN, (PUBLIC, READ), (PUBLIC, WRITE)),
    "authenticated-read": (_OWN, (AUTHENTICATED, READ)),
    "bucket-owner-read": (_OWN, (BUCKET_OWNER, READ)),
    OWNER_FULL_CONTROL: (_OWN, (BUCKET_OWNER, FULL_CONTROL)),
}
"""Those of objects."""
CANNED_FOR_BUCKETS: dict[str, Lines] = {
    **{name: CANNED[name] for name in (PRIVATE, "public-read", "public-read-write", "authenticated-read")},
    "log-delivery-write": (_OWN, (LOG_DELIVERY, WRITE), (LOG_DELIVERY, READ_ACP)),
    # Spec: "Canned ACL": "If you specify this canned ACL when creating a bucket, Amazon S3 ignores it."
    "bucket-owner-read": (_OWN,),
    OWNER_FULL_CONTROL: (_OWN,),
}

_ON_BUCKET = {
    READ: ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
    READ_ACP: ("s3:GetBucketAcl",),
    WRITE_ACP: ("s3:PutBucketAcl",),
}
_IN_BUCKET = {
    WRITE: ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
}
_ON_OBJECT = {
    READ: ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"),
    READ_ACP: ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    WRITE_ACP: ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
}


def resolved(lines: Iterable[Line], *, writer: str, owner: str) -> Lines:
    """``lines`` with names for those who write and own, each once."""
    names = {WRITER: writer, BUCKET_OWNER: owner}
    return tuple(dict.fromkeys([(names.get(grantee, grantee), permission) for grantee, permission in lines]))


def is_open(lines: Iterable[Line]) -> bool:
    """Whether a list gives anything to everybody. Spec: "The meaning of public", ACLs."""
    return any(grantee in _OPEN for grantee, _ in lines)


def is_private(lines: Iterable[Line]) -> bool:
    """Whether a list that is on its way in says no more than that the owner may everything."""
    return set(lines) <= {_OWN, (BUCKET_OWNER, FULL_CONTROL)}


def closed(lines: Iterable[Line]) -> Lines:
    """``lines`` without those for everybody. Spec: "IgnorePublicAcls"."""
    return tuple([line for line in lines if line[0] not in _OPEN])


def permissions(lines: Iterable[Line], names: Collection[str]) -> tuple[str, ...]:
    """What a list gives to somebody of these names: READ, WRITE, READ_ACP and WRITE_ACP."""
    given = {permission for grantee, permission in lines if grantee in names}
    return tuple([row for row in PERMISSIONS[:-1] if row in given or FULL_CONTROL in given])


def list_policy(bucket: str, lines: Iterable[Line]) -> Policy:
    """A bucket's list, and how those of its objects count, as a policy of the bucket."""
    statements = [row for grantee, permission in lines for row in _bucket_statements(bucket, grantee, permission)]
    for permission, actions in _ON_OBJECT.items():
        holds = {"ForAnyValue:StringEquals": {ACL_KEY: permission}}
        statements.append(_allow(EVERYBODY, actions, f"s3:{bucket}/*", f"object{permission}", holds))
    return Policy(id=f"acl:{bucket}", statement=tuple(statements), scope=f"s3:{bucket}")


def _bucket_statements(bucket: str, grantee: str, permission: str) -> list[Statement]:
    if grantee == LOG_DELIVERY:
        return []
    name = EVERYBODY if grantee == PUBLIC else grantee
    label = f"{permission} {grantee}"
    both = ((_ON_BUCKET, f"s3:{bucket}"), (_IN_BUCKET, f"s3:{bucket}/*"))
    return [
        _allow(name, actions, resource, f"{label} {row}" if permission == FULL_CONTROL else label)
        for table, resource in both
        for row, actions in table.items()
        if permission in (row, FULL_CONTROL)
    ]


def _allow(
    name: str, actions: tuple[str, ...], resource: str, sid: str, condition: dict[str, dict[str, str]] | None = None
) -> Statement:
    held = {operator: dict[str, str | list[str]](keys) for operator, keys in (condition or {}).items()}
    return Statement(
        effect=Effect.ALLOW, action=actions, resource=(resource,), principal=(name,), condition=held, sid=sid
    )
