"""What an object is, without its content: GetObjectAttributes.

Spec: Amazon S3 API Reference, GetObjectAttributes.
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import xml_out
from zotplus.protocols.s3.attributes import http_date, read_need, version_headers
from zotplus.protocols.s3.objects.reading import missing_or_denied
from zotplus.protocols.s3.request import Level, Request, argument_invalid, number, read_version
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.encryption_headers import CUSTOMER, read_customer_key
from zotplus.protocols.s3.xml_out import XML
from zotplus.services.values import Checksum, ObjectInfo, Selection

_NAMES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")
_HEADER = "x-amz-object-attributes"
_MAX_PARTS = 1000
_MARKER_LIMIT = 2**31 - 1


class GetObjectAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell of a version: ``names`` as the client lists them; parts with numbers above ``after``."""

    bucket: str
    key: str
    version: str
    customer_key: bytes
    names: tuple[str, ...]
    after: int
    limit: int

    def needs(self) -> tuple[Need, ...]:
        """To ask for attributes, and to read the object."""
        resource = f"s3:{self.bucket}/{self.key}"
        if self.version:
            keys = {"s3:versionid": self.version}
            mine = Need(actions.GET_OBJECT_VERSION_ATTRIBUTES.name, resource, keys)
        else:
            mine = Need(actions.GET_OBJECT_ATTRIBUTES.name, resource)
        return (mine, read_need(self.bucket, self.key, self.version))


def parse_get_object_attributes(request: Request) -> GetObjectAttributes:
    """Raises ``ARGUMENT_INVALID``."""
    listed = ",".join(request.head.headers.getall(_HEADER, []))
    paging = {name: request.header(name) or "" for name in ("x-amz-max-parts", "x-amz-part-number-marker")}
    return GetObjectAttributes(
        bucket=request.bucket,
        key=request.key,
        version=read_version(request),
        customer_key=read_customer_key(request),
        names=tuple([name.strip() for name in listed.split(",") if name.strip()]),
        after=number(paging, "x-amz-part-number-marker", 0, _MARKER_LIMIT),
        limit=number(paging, "x-amz-max-parts", _MAX_PARTS, _MAX_PARTS),
    )


async def get_object_attributes(context: Context, operation: GetObjectAttributes) -> Reply:
    """Raises ``REQUEST_INVALID``, ``ARGUMENT_INVALID``, and what ``Objects.head`` does."""
    await context.services.documents.bucket(operation.bucket)
    _check_names(operation.names)
    try:
        selection = Selection(version=operation.version, customer_key=operation.customer_key)
        info = await context.services.objects.head(operation.bucket, operation.key, selection)
    except Problem as problem:
        raise missing_or_denied(context, operation.bucket, operation.key, problem) from problem
    pieces = {
        "ETag": xml_out.element("ETag", info.etag),
        "Checksum": _checksum(info.checksum),
        "ObjectParts": _parts(info, operation),
        "StorageClass": xml_out.element("StorageClass", info.attributes.storage_class),
        "ObjectSize": xml_out.element("ObjectSize", info.size),
    }
    content = "".join([piece for name, piece in pieces.items() if name in operation.names])
    headers = (XML, ("Last-Modified", http_date(int(info.modified))), *version_headers(info))
    return Reply(headers=headers, body=xml_out.document("GetObjectAttributesResponse", content))


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        raise Problem(
            errors.REQUEST_INVALID,
            f"The {_HEADER} header specifying the attributes to be retrieved is either missing or empty",
        )
    for name in names:
        if name not in _NAMES:
            raise argument_invalid(_HEADER, name, "Invalid attribute name specified.")


def _checksum(checksum: Checksum | None) -> str:
    return "" if checksum is None else f"<Checksum>{xml_out.checksum_elements(checksum)}</Checksum>"


def _parts(info: ObjectInfo, operation: GetObjectAttributes) -> str:
    """A page of the parts, with their checksums where the upload had any; nothing for what came in one piece."""
    sizes, checksums = info.part_sizes, info.part_checksums
    if not sizes:
        return ""
    page = range(operation.after + 1, min(operation.after + operation.limit, len(sizes)) + 1)
    last = page[-1] if page else operation.after
    algorithm = "" if info.checksum is None else info.checksum.algorithm
    parts = [
        f"<Part><PartNumber>{place}</PartNumber><Size>{sizes[place - 1]}</Size>"
        f"{xml_out.element(f'Checksum{algorithm}', checksums[place - 1]) if checksums else ''}</Part>"
        for place in page
    ]
    return (
        f"<ObjectParts><PartsCount>{len(sizes)}</PartsCount>"
        f"<PartNumberMarker>{operation.after}</PartNumberMarker><NextPartNumberMarker>{last}</NextPartNumberMarker>"
        f"<MaxParts>{operation.limit}</MaxParts>{xml_out.truncated(last < len(sizes))}{''.join(parts)}</ObjectParts>"
    )


ROWS = (
    row(
        When(level=Level.OBJECT, method="GET", query="attributes", also="versionId", headers=CUSTOMER),
        What(
            name="GetObjectAttributes",
            summary="Read an object's size, parts and checksum.",
            action=actions.GET_OBJECT_ATTRIBUTES,
            version_action=actions.GET_OBJECT_VERSION_ATTRIBUTES,
        ),
        parse_get_object_attributes,
        get_object_attributes,
    ),
)
