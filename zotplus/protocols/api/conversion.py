"""From what the services return to the documents that go out."""

from datetime import UTC, datetime

import msgspec

from zotplus.protocols.api import documents
from zotplus.services.configuration.counting import BucketUsage
from zotplus.services.identity.credentials import Credential
from zotplus.services.identity.grants import Grant
from zotplus.services.values import BucketInfo


def moment(epoch: float) -> datetime:
    """``epoch`` (seconds) as a time in UTC."""
    return datetime.fromtimestamp(epoch, UTC)


def key(credential: Credential) -> documents.Key:
    """The document of ``credential``."""
    expires = None if credential.expires is None else moment(credential.expires)
    return documents.Key(
        id=credential.id,
        kind=credential.kind.value,
        name=credential.name,
        created=moment(credential.created),
        expires=expires,
        last_used=None if credential.last_used is None else moment(credential.last_used),
        scope=msgspec.json.decode(credential.scope) if credential.scope else None,
        user=credential.owner,
        inactive=credential.inactive,
    )


def created_key(credential: Credential, secret: str) -> documents.CreatedKey:
    """The document of a credential that was just made."""
    return documents.CreatedKey(**msgspec.structs.asdict(key(credential)), secret=secret)


def grant(row: Grant) -> documents.GrantDocument:
    """The document of ``row``."""
    return documents.GrantDocument(
        id=row.id,
        grantee=row.grantee,
        role=row.role,
        pattern=row.pattern,
        created=moment(row.created),
        networks=row.networks,
    )


def bucket(info: BucketInfo, usage: BucketUsage | None) -> documents.Bucket:
    """The document of ``info``, with what the bucket holds where ``usage`` tells it."""
    is_told = usage is not None and usage.counted
    return documents.Bucket(
        name=info.name,
        created=moment(info.created),
        owner=info.owner,
        region=info.region,
        versioning=info.versioning or None,
        lock=info.lock_enabled,
        bytes=usage.size if usage is not None and is_told else None,
        objects=usage.objects if usage is not None and is_told else None,
        quota_bytes=None if usage is None else usage.quota_bytes or None,
        quota_objects=None if usage is None else usage.quota_objects or None,
    )
