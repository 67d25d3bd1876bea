"""The header that says when an object expires, and by which rule.

Spec: Amazon S3 API Reference, GetObject and PutObject, ``x-amz-expiration``.
"""

from zotplus.domain import percent
from zotplus.gateway.context import Context
from zotplus.protocols.s3.attributes import Pairs, http_date
from zotplus.services.values import ObjectInfo


async def expiry_headers(context: Context, bucket: str, info: ObjectInfo) -> Pairs:
    """``x-amz-expiration`` for the newest version of an object; nothing where no rule ends it."""
    if not info.ages:
        return ()
    found = await context.services.lifecycles.expiry(bucket, info)
    if found is None:
        return ()
    date = http_date(found.at_ms // 1000)
    return (("x-amz-expiration", f'expiry-date="{date}", rule-id="{percent.encode(found.rule, keep_slash=False)}"'),)
