"""Prints ``docs/reference/s3/operations.md``: every operation of Amazon's API, and what becomes of it here."""

from zotplus.protocols.s3.origins import PREFLIGHT
from zotplus.protocols.s3.refused import REFUSED, Refused
from zotplus.protocols.s3.request import Level
from zotplus.protocols.s3.routes import ROWS
from zotplus.protocols.s3.rows import Row
from zotplus.protocols.s3.wire_errors import wire

ALIASES = {
    "GetBucketAnalyticsConfiguration": "ListBucketAnalyticsConfigurations",
    "GetBucketIntelligentTieringConfiguration": "ListBucketIntelligentTieringConfigurations",
    "GetBucketInventoryConfiguration": "ListBucketInventoryConfigurations",
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "ListBucketMetricsConfigurations",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
    "ListObjectAnnotations": "GetObjectAnnotation",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
"""Operation of the model -> the one that answers it: the same request, or an older name."""

_LEVELS = {Level.SERVICE: "Of the server", Level.BUCKET: "Of buckets", Level.OBJECT: "Of objects"}
_PATHS = {Level.SERVICE: "/", Level.BUCKET: "/{bucket}", Level.OBJECT: "/{bucket}/{key+}"}
_HEAD = """\
# Operations of the S3 API

Every operation of Amazon S3's API (the service model of botocore, `s3/2006-03-01`) is in one of these tables: it is
served, answers as for a bucket where it was never set, or is refused with the error that stands there. Nothing is
accepted and then ignored. A test compares this list with that model, so an operation that Amazon adds cannot be missed.

The action is what a [policy](../policies.md) must allow; some operations need more rights for some requests (an upload
that sets tags also needs `s3:PutObjectTagging`), which the page of the topic says.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for level, title in _LEVELS.items():
        rows = sorted((row for row in (*ROWS, PREFLIGHT) if row.level is level), key=lambda row: row.route.name)
        parts.append(f"\n## {title}\n\n| Operation | Request | Action | |\n|---|---|---|---|")
        parts += [_served(row) for row in rows]
    parts.append("\n## By another name\n\n| Operation | Answered as |\n|---|---|")
    parts += [f"| {name} | {other} |" for name, other in sorted(ALIASES.items())]
    parts.append("\n## Refused\n\n| Operation | Request | Error | Because |\n|---|---|---|---|")
    parts += [_refused(one) for one in sorted(REFUSED, key=lambda one: one.name)]
    parts.append(
        "\nHeaders that ask for something that is not there are refused in the same way (`NotImplemented`, with the "
        "header's name in `Header`), and so is every other sub-resource that a request names.\n"
    )
    return "\n".join(parts)


def _served(row: Row) -> str:
    route = row.route
    header = f" with `{row.header}`" if row.header else ""
    action = "any of the needed ones" if route.action is None and not route.public else "none"
    named = f"`{route.action.name}`" if route.action is not None else action
    return f"| {route.name} | `{route.method} {route.template}`{header} | {named} | {route.summary} |"


def _refused(one: Refused) -> str:
    code, status = wire(one.fault)
    place = _PATHS[one.level] + (f"?{one.selector}" if one.selector else "")
    return f"| {one.name} | `{one.method} {place}` | {status} {code} | {one.reason[0].upper()}{one.reason[1:]}. |"
