"""The values that the sharing of buckets takes and gives."""

import msgspec

from zotplus.services.values import AclGrant


class PublicAccessBlock(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket's policy and lists may not open to the public. Spec: S3 API, PublicAccessBlockConfiguration.

    ``block_acls`` refuses new lists for everybody, ``ignore_acls`` passes over those that are there, ``block_policy``
    refuses a new policy that is public, ``restrict`` leaves one that is there to those who log in.
    """

    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict: bool = False


class AccessList(msgspec.Struct, frozen=True, kw_only=True):
    """An access control list: the owner's principal id, and the grants. ``version`` is that of an object, as asked."""

    owner: str
    grants: tuple[AclGrant, ...]
    version: str | None = None


class AskedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list that is to be set; grantees may be stand-ins. ``owner`` is the id that the document names, if it does."""

    grants: tuple[AclGrant, ...]
    owner: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What facts are asked of: a bucket, or an object in it, or (``version`` not empty) that version."""

    bucket: str
    key: str = ""
    version: str = ""
