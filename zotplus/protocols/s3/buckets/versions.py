"""Versions of a bucket's objects: whether they are kept, and the list of them.

Spec: Amazon S3 API Reference, GetBucketVersioning, PutBucketVersioning, ListObjectVersions.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_in, xml_out
from zotplus.protocols.s3.buckets.listing import PAGE, list_keys
from zotplus.protocols.s3.request import Level, Request, argument_invalid, encoding_type, number
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.configuration.versioning import STATES
from zotplus.services.values import VersionEntry, VersionListing, VersionQuery

_MFA_HEADER = "x-amz-mfa"


class GetBucketVersioning(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a bucket keeps versions; mc and rclone ask before they list or delete."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To see it."""
        return (Need(actions.GET_BUCKET_VERSIONING.name, f"s3:{self.bucket}"),)


def parse_get_bucket_versioning(request: Request) -> GetBucketVersioning:
    """Only the name."""
    return GetBucketVersioning(bucket=request.bucket)


async def get_bucket_versioning(context: Context, operation: GetBucketVersioning) -> Reply:
    """Nothing where versions were never kept. Raises ``BUCKET_NOT_FOUND``."""
    bucket = await context.services.buckets.get(operation.bucket)
    content = xml_out.optional("Status", bucket.versioning)
    return Reply(headers=(XML,), body=xml_out.document("VersioningConfiguration", content))


class PutBucketVersioning(msgspec.Struct, frozen=True, kw_only=True):
    """Have a bucket keep versions, or suspend that."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To change it."""
        return (Need(actions.PUT_BUCKET_VERSIONING.name, f"s3:{self.bucket}"),)


def parse_put_bucket_versioning(request: Request) -> PutBucketVersioning:
    """Raises ``OPERATION_UNKNOWN`` for MFA, and what ``payload.parse_incoming`` does."""
    if request.header(_MFA_HEADER) is not None:
        raise _without_mfa()
    return PutBucketVersioning(bucket=request.bucket, body=payload.parse_incoming(request))


def _without_mfa() -> Problem:
    return Problem(errors.OPERATION_UNKNOWN, "MFA delete is not implemented: use object lock.", Header=_MFA_HEADER)


async def put_bucket_versioning(context: Context, operation: PutBucketVersioning) -> Reply:
    """Raises ``XML_MALFORMED``, ``BUCKET_NOT_FOUND``, ``BUCKET_STATE_INVALID``."""
    document = await payload.read_document(context, operation.body, xml_in.DOCUMENT_LIMIT)
    fields = xml_in.read_fields(xml_in.read_tree(document, "VersioningConfiguration"), {"Status", "MfaDelete"})
    if fields.get("MfaDelete", "Disabled") != "Disabled":
        raise _without_mfa()
    if fields.get("Status") not in STATES:
        raise Problem(errors.XML_MALFORMED, f"Status is Enabled or Suspended, not {shown(fields.get('Status', ''))}.")
    await context.services.versioning.set(operation.bucket, fields["Status"])
    return Reply()


class ListObjectVersions(msgspec.Struct, frozen=True, kw_only=True):
    """One page of versions and delete markers."""

    bucket: str
    query: VersionQuery
    encoding: str
    asked: dict[str, str | tuple[str, ...]] = {}

    def needs(self) -> tuple[Need, ...]:
        """To list them, with what policies may make conditions on."""
        return (Need(actions.LIST_BUCKET_VERSIONS.name, f"s3:{self.bucket}", self.asked),)


def parse_list_object_versions(request: Request) -> ListObjectVersions:
    """Raises ``ARGUMENT_INVALID``."""
    query = request.query
    after, after_version = query.get("key-marker", ""), query.get("version-id-marker")
    if after_version is not None and not after:
        raise argument_invalid(
            "version-id-marker", after_version, "A version-id marker cannot be specified without a key marker."
        )
    if after_version == "":
        raise argument_invalid("version-id-marker", "", "A version-id marker cannot be empty.")
    return ListObjectVersions(
        bucket=request.bucket,
        query=VersionQuery(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            after=after,
            after_version=after_version or "",
            limit=_limit(query),
        ),
        encoding=encoding_type(query),
        asked=list_keys(query),
    )


def _limit(query: dict[str, str]) -> int:
    """Amazon has another sentence here than for other lists. Raises ``ARGUMENT_INVALID``."""
    text = query.get("max-keys", "")
    if text.startswith("-") and text[1:].isdigit():
        raise argument_invalid("max-keys", text, "max-keys cannot be negative")
    return number(query, "max-keys", PAGE, PAGE)


async def list_object_versions(context: Context, operation: ListObjectVersions) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``, ``ARGUMENT_INVALID``."""
    page = await context.services.objects.list_versions(operation.bucket, operation.query)
    owner = (await context.services.buckets.get(operation.bucket)).owner
    encode = xml_out.key_encoder(operation.encoding)
    entries = [_entry(item, encode(item.key), owner) for item in page.items if isinstance(item, VersionEntry)]
    prefixes = [item for item in page.items if isinstance(item, str)]
    body = b"%b%b%b</ListVersionsResult>" % (
        f'{xml_out.DECLARATION}<ListVersionsResult xmlns="{xml_out.NAMESPACE}">{_head(operation, page)}'.encode(),
        b"".join(entries),
        xml_out.common_prefixes(prefixes, operation.encoding).encode(),
    )
    return Reply(headers=(XML,), body=body)


def _head(operation: ListObjectVersions, page: VersionListing) -> str:
    query, encode = operation.query, xml_out.key_encoder(operation.encoding)
    following = page.next_after
    further = ""
    if following is not None:
        further = f"<NextKeyMarker>{encode(following[0])}</NextKeyMarker>"
        further += xml_out.optional("NextVersionIdMarker", following[1])
    return (
        f"<Name>{operation.bucket}</Name><Prefix>{encode(query.prefix)}</Prefix>"
        f"<KeyMarker>{encode(query.after)}</KeyMarker>{xml_out.element('VersionIdMarker', query.after_version)}"
        f"{further}<MaxKeys>{query.limit}</MaxKeys>"
        f"{f'<Delimiter>{encode(query.delimiter)}</Delimiter>' if query.delimiter else ''}"
        f"{xml_out.optional('EncodingType', operation.encoding)}{xml_out.truncated(following is not None)}"
    )


def _entry(entry: VersionEntry, key: str, bucket_owner: str) -> bytes:
    shared = (
        f"<Key>{key}</Key>{xml_out.element('VersionId', entry.version)}"
        f"<IsLatest>{'true' if entry.is_newest else 'false'}</IsLatest>"
    )
    owner = xml_out.principal("Owner", entry.owner or bucket_owner)
    if entry.is_marker:
        modified = xml_out.element("LastModified", xml_out.timestamp(entry.modified))
        return f"<DeleteMarker>{shared}{modified}{owner}</DeleteMarker>".encode()
    return f"<Version>{shared}".encode() + entry.fragment + f"{owner}</Version>".encode()


ROWS = (
    row(
        When(level=Level.BUCKET, method="GET", query="versioning"),
        What(
            name="GetBucketVersioning",
            summary="See whether versions are kept.",
            action=actions.GET_BUCKET_VERSIONING,
        ),
        parse_get_bucket_versioning,
        get_bucket_versioning,
    ),
    row(
        When(level=Level.BUCKET, method="PUT", query="versioning"),
        What(
            name="PutBucketVersioning",
            summary="Keep versions, or suspend that.",
            action=actions.PUT_BUCKET_VERSIONING,
            takes_body=True,
        ),
        parse_put_bucket_versioning,
        put_bucket_versioning,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="versions"),
        What(
            name="ListObjectVersions",
            summary="List versions and delete markers.",
            action=actions.LIST_BUCKET_VERSIONS,
        ),
        parse_list_object_versions,
        list_object_versions,
    ),
)
