"""The headers that say when an object or an unfinished upload ends, and by which rule.

Spec: Amazon S3 API Reference, GetObject and PutObject, ``x-amz-expiration``; CreateMultipartUpload and ListParts,
``x-amz-abort-date`` and ``x-amz-abort-rule-id``.
"""

from zotplus.domain import percent
from zotplus.gateway.context import Context
from zotplus.protocols.s3.attributes import Pairs, http_date
from zotplus.services.values import ObjectInfo, UploadInfo


async def expiry_headers(context: Context, bucket: str, info: ObjectInfo) -> Pairs:
    """``x-amz-expiration`` for the newest version of an object; nothing where no rule ends it."""
    if not info.ages:
        return ()
    found = await context.services.lifecycles.expiry(bucket, info)
    if found is None:
        return ()
    date = http_date(found.at_ms // 1000)
    return (("x-amz-expiration", f'expiry-date="{date}", rule-id="{percent.encode(found.rule, keep_slash=False)}"'),)


async def abort_headers(context: Context, bucket: str, upload: UploadInfo) -> Pairs:
    """``x-amz-abort-date`` and ``x-amz-abort-rule-id``; nothing where no rule drops the upload."""
    found = await context.services.lifecycles.abortion(bucket, upload.key, upload.initiated)
    if found is None:
        return ()
    date = http_date(found.at_ms // 1000)
    return (("x-amz-abort-date", date), ("x-amz-abort-rule-id", percent.encode(found.rule, keep_slash=False)))
