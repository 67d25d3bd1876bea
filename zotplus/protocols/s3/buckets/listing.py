"""The lists of a bucket: of its objects, first and second version, and of its unfinished uploads.

Spec: Amazon S3 API Reference, ListObjects, ListObjectsV2, ListMultipartUploads.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

import msgspec

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import xml_out
from zotplus.protocols.s3.request import Level, Request, argument_invalid, encoding_type, number
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import ListEntry, Listing, ListQuery, UploadInfo

PAGE = 1000
"""Most entries of one page (S3 API Reference, max-keys and max-uploads)."""
_TOKEN_MARKER = b"\x01"
_TOKEN_LIMIT = 2048  # base64 of a key of 1,024 bytes and the marker takes 1,368 characters


class ListObjects(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a bucket. ``marker`` is what the client gave: marker, start-after; ``token`` version 2's."""

    bucket: str
    version: int
    prefix: str
    delimiter: str
    marker: str
    token: str | None
    limit: int
    encoding: str
    with_owner: bool
    asked: dict[str, str | tuple[str, ...]] = {}

    def needs(self) -> tuple[Need, ...]:
        """To list the bucket, with what policies may make conditions on."""
        return (Need(actions.LIST_BUCKET.name, f"s3:{self.bucket}", self.asked),)


def parse_list_objects(request: Request) -> ListObjects:
    """Version 1. Raises ``ARGUMENT_INVALID``."""
    return _parse(request, version=1, marker=request.query.get("marker", ""), token=None)


def parse_list_objects_v2(request: Request) -> ListObjects:
    """Version 2. Raises ``ARGUMENT_INVALID``."""
    query = request.query
    if query["list-type"] != "2":
        raise argument_invalid("list-type", query["list-type"], "list-type must be 2.")
    token = query.get("continuation-token")
    if token is not None:
        read_token(token)
    return _parse(request, version=2, marker=query.get("start-after", ""), token=token)


def list_keys(query: dict[str, str]) -> dict[str, str | tuple[str, ...]]:
    """The condition keys of a list: a parameter that is not there has none. Raises ``ARGUMENT_INVALID``.

    Spec: Service Authorization Reference, "Condition keys for Amazon S3", s3:prefix, s3:delimiter, s3:max-keys.
    """
    keys: dict[str, str | tuple[str, ...]] = {
        f"s3:{name}": query[name] for name in ("prefix", "delimiter") if name in query
    }
    if "max-keys" in query:
        keys["s3:max-keys"] = str(number(query, "max-keys", PAGE, PAGE))
    return keys


def _parse(request: Request, *, version: int, marker: str, token: str | None) -> ListObjects:
    query = request.query
    return ListObjects(
        bucket=request.bucket,
        version=version,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        marker=marker,
        token=token,
        limit=number(query, "max-keys", PAGE, PAGE),
        encoding=encoding_type(query),
        with_owner=version == 1 or query.get("fetch-owner", "").lower() == "true",
        asked=list_keys(query),
    )


def write_token(after: str) -> str:
    """Where the next page begins, as an opaque token."""
    return urlsafe_b64encode(_TOKEN_MARKER + after.encode()).decode()


def read_token(token: str) -> str:
    """The reverse of ``write_token``. Raises ``ARGUMENT_INVALID`` for anything that was not written here."""
    try:
        data = urlsafe_b64decode(token) if token.isascii() and len(token) <= _TOKEN_LIMIT else b""
        after = data[1:].decode()
    except (Base64Error, UnicodeDecodeError):
        data, after = b"", ""
    if data[:1] != _TOKEN_MARKER or write_token(after) != token:
        raise argument_invalid("continuation-token", token, "The continuation token provided is incorrect.")
    return after


async def list_objects(context: Context, operation: ListObjects) -> Reply:
    """One page. Raises ``BUCKET_NOT_FOUND``."""
    after = operation.marker if operation.token is None else read_token(operation.token)
    query = ListQuery(prefix=operation.prefix, delimiter=operation.delimiter, after=after, limit=operation.limit)
    page = await context.services.objects.list(operation.bucket, query)
    owner = b""
    if operation.with_owner:
        owner = xml_out.principal("Owner", (await context.services.buckets.get(operation.bucket)).owner).encode()
    entries = [item for item in page.items if isinstance(item, ListEntry)]
    prefixes = [item for item in page.items if isinstance(item, str)]
    head = _head_v1(operation, page) if operation.version == 1 else _head_v2(operation, page)
    body = b"%b%b%b</ListBucketResult>" % (
        f'{xml_out.DECLARATION}<ListBucketResult xmlns="{xml_out.NAMESPACE}">{head}'.encode(),
        xml_out.contents(entries, operation.encoding, owner),
        xml_out.common_prefixes(prefixes, operation.encoding).encode(),
    )
    return Reply(headers=(XML,), body=body)


def _following(operation: ListObjects, page: Listing) -> str | None:
    """Where the next page begins; a page of nothing has none, or clients would go on for ever."""
    return page.next_after if operation.limit else None


def _place(operation: "ListObjects | ListMultipartUploads") -> str:
    encode = xml_out.key_encoder(operation.encoding)
    delimiter = f"<Delimiter>{encode(operation.delimiter)}</Delimiter>" if operation.delimiter else ""
    return f"<Prefix>{encode(operation.prefix)}</Prefix>{delimiter}"


def _shared(operation: ListObjects, page: Listing) -> str:
    return (
        f"<Name>{operation.bucket}</Name>{_place(operation)}"
        f"<MaxKeys>{operation.limit}</MaxKeys>{xml_out.optional('EncodingType', operation.encoding)}"
        f"{xml_out.truncated(_following(operation, page) is not None)}"
    )


def _head_v1(operation: ListObjects, page: Listing) -> str:
    encode = xml_out.key_encoder(operation.encoding)
    marker = f"<Marker>{encode(operation.marker)}</Marker>"
    # Without a delimiter clients go on from the last key; Amazon writes NextMarker only with one.
    following = _following(operation, page)
    if operation.delimiter and following is not None:
        marker += f"<NextMarker>{encode(following)}</NextMarker>"
    return _shared(operation, page) + marker


def _head_v2(operation: ListObjects, page: Listing) -> str:
    encode = xml_out.key_encoder(operation.encoding)
    start = f"<StartAfter>{encode(operation.marker)}</StartAfter>" if operation.marker else ""
    token = xml_out.optional("ContinuationToken", operation.token)
    following = _following(operation, page)
    if following is not None:
        token += xml_out.element("NextContinuationToken", write_token(following))
    return f"{_shared(operation, page)}{start}{token}<KeyCount>{len(page.items)}</KeyCount>"


class ListMultipartUploads(msgspec.Struct, frozen=True, kw_only=True):
    """Unfinished uploads after ``after`` (key, upload id)."""

    bucket: str
    prefix: str
    delimiter: str
    after: tuple[str, str]
    limit: int
    encoding: str

    def needs(self) -> tuple[Need, ...]:
        """To list them."""
        keys = {"s3:prefix": self.prefix, "s3:delimiter": self.delimiter}
        return (Need(actions.LIST_BUCKET_MULTIPART_UPLOADS.name, f"s3:{self.bucket}", keys),)


def parse_list_uploads(request: Request) -> ListMultipartUploads:
    """Raises ``ARGUMENT_INVALID``."""
    query = request.query
    key_marker = query.get("key-marker", "")
    # Without a key the upload id means nothing and is ignored (S3 API Reference, upload-id-marker).
    id_marker = query.get("upload-id-marker", "") if key_marker else ""
    return ListMultipartUploads(
        bucket=request.bucket,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        after=(key_marker, id_marker),
        limit=number(query, "max-uploads", PAGE, PAGE),
        encoding=encoding_type(query),
    )


async def list_uploads(context: Context, operation: ListMultipartUploads) -> Reply:
    """Raises ``BUCKET_NOT_FOUND``."""
    items, following = await context.services.multipart.list_uploads(
        operation.bucket, operation.prefix, operation.delimiter, operation.after, operation.limit
    )
    if operation.limit == 0:
        following = None
    encode = xml_out.key_encoder(operation.encoding)
    uploads = "".join([_upload(item, operation) for item in items if isinstance(item, UploadInfo)])
    prefixes = [item for item in items if isinstance(item, str)]
    markers = (
        f"<KeyMarker>{encode(operation.after[0])}</KeyMarker>{xml_out.element('UploadIdMarker', operation.after[1])}"
    )
    if following is not None:
        markers += f"<NextKeyMarker>{encode(following[0])}</NextKeyMarker>"
        markers += xml_out.element("NextUploadIdMarker", following[1])
    content = (
        f"{xml_out.element('Bucket', operation.bucket)}{markers}{_place(operation)}"
        f"{xml_out.optional('EncodingType', operation.encoding)}{xml_out.element('MaxUploads', operation.limit)}"
        f"{xml_out.truncated(following is not None)}{uploads}"
        f"{xml_out.common_prefixes(prefixes, operation.encoding)}"
    )
    return Reply(headers=(XML,), body=xml_out.document("ListMultipartUploadsResult", content))


def _upload(upload: UploadInfo, operation: ListMultipartUploads) -> str:
    encode = xml_out.key_encoder(operation.encoding)
    return (
        f"<Upload><Key>{encode(upload.key)}</Key>{xml_out.element('UploadId', upload.upload_id)}"
        f"{xml_out.principal('Initiator', upload.initiator)}{xml_out.principal('Owner', upload.initiator)}"
        f"{xml_out.element('StorageClass', upload.attributes.storage_class)}"
        f"<Initiated>{xml_out.timestamp(upload.initiated)}</Initiated>"
        f"{xml_out.optional('ChecksumAlgorithm', upload.checksum_algorithm)}"
        f"{xml_out.optional('ChecksumType', upload.checksum_type)}</Upload>"
    )


ROWS = (
    row(
        When(level=Level.BUCKET, method="GET", query="uploads"),
        What(
            name="ListMultipartUploads",
            summary="List unfinished uploads.",
            action=actions.LIST_BUCKET_MULTIPART_UPLOADS,
        ),
        parse_list_uploads,
        list_uploads,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="list-type"),
        What(name="ListObjectsV2", summary="List objects.", action=actions.LIST_BUCKET),
        parse_list_objects_v2,
        list_objects,
    ),
    row(
        When(level=Level.BUCKET, method="GET"),
        What(name="ListObjects", summary="List objects, first version.", action=actions.LIST_BUCKET),
        parse_list_objects,
        list_objects,
    ),
)
