"""The rules for pages of other origins: PutBucketCors, GetBucketCors, DeleteBucketCors.

Spec: Amazon S3 API Reference, PutBucketCors; User Guide, "Elements of a CORS configuration".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.domain.storage.cors import CorsRule, check_rules, decode_rules, encode_rules
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.xml_in import Element, read_tree
from zotplus.protocols.s3.xml_out import XML

KIND = "cors"
"""The kind of the bucket's document."""
_DOCUMENT_LIMIT = 65_536  # bytes (User Guide, "Elements of a CORS configuration")
_LISTS = {
    "AllowedOrigin": "origins",
    "AllowedMethod": "methods",
    "AllowedHeader": "headers",
    "ExposeHeader": "exposed",
}
_LARGEST_AGE = 0x7FFFFFFF  # S3's Integer
_AGE_DIGITS = 10


class PutBucketCors(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in place of those that are there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set them."""
        return (Need(actions.PUT_BUCKET_CORS.name, f"s3:{self.bucket}"),)


def parse_put_bucket_cors(request: Request) -> PutBucketCors:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketCors(bucket=request.bucket, body=payload.parse_incoming(request))


async def put_bucket_cors(context: Context, operation: PutBucketCors) -> Reply:
    """Raises ``XML_MALFORMED``, ``REQUEST_INVALID``, ``BUCKET_NOT_FOUND``."""
    document = await payload.read_document(context, operation.body, _DOCUMENT_LIMIT)
    await context.services.documents.put(operation.bucket, KIND, encode_rules(read_rules(document)))
    return Reply()


class GetBucketCors(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that are set."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read them."""
        return (Need(actions.GET_BUCKET_CORS.name, f"s3:{self.bucket}"),)


def parse_get_bucket_cors(request: Request) -> GetBucketCors:
    """Only the name."""
    return GetBucketCors(bucket=request.bucket)


async def get_bucket_cors(context: Context, operation: GetBucketCors) -> Reply:
    """Raises ``CORS_MISSING``, ``BUCKET_NOT_FOUND``."""
    data = await context.services.documents.require(operation.bucket, KIND, errors.CORS_MISSING)
    content = "".join(map(_rule_element, decode_rules(data)))
    return Reply(headers=(XML,), body=xml_out.document("CORSConfiguration", content))


class DeleteBucketCors(msgspec.Struct, frozen=True, kw_only=True):
    """No rules any more."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set them, as on Amazon."""
        return (Need(actions.PUT_BUCKET_CORS.name, f"s3:{self.bucket}"),)


def parse_delete_bucket_cors(request: Request) -> DeleteBucketCors:
    """Only the name."""
    return DeleteBucketCors(bucket=request.bucket)


async def delete_bucket_cors(context: Context, operation: DeleteBucketCors) -> Reply:
    """No error where there are none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.documents.delete(operation.bucket, KIND)
    return Reply(status=204)


def read_rules(document: bytes) -> tuple[CorsRule, ...]:
    """The rules of a CORSConfiguration, checked. Raises ``XML_MALFORMED``, ``REQUEST_INVALID``."""
    rules = tuple([_rule(child) for child in read_tree(document, "CORSConfiguration").children])
    check_rules(rules)
    return rules


def _rule(element: Element) -> CorsRule:
    if element.name != "CORSRule":
        raise _misplaced(element, "CORSConfiguration")
    lists: dict[str, list[str]] = {name: [] for name in _LISTS.values()}
    leaves: dict[str, str] = {}
    for child in element.children:
        if child.children:
            raise _misplaced(child, "CORSRule")
        if child.name in _LISTS:
            lists[_LISTS[child.name]].append(child.text)
        elif child.name in ("ID", "MaxAgeSeconds") and child.name not in leaves:
            leaves[child.name] = child.text
        else:
            raise _misplaced(child, "CORSRule")
    age = leaves.get("MaxAgeSeconds")
    return CorsRule(
        origins=tuple(lists["origins"]),
        methods=tuple(lists["methods"]),
        headers=tuple(lists["headers"]),
        exposed=tuple(lists["exposed"]),
        max_age=None if age is None else _age(age.strip()),
        id=leaves.get("ID", ""),
    )


def _age(text: str) -> int:
    """Seconds. Amazon takes negative ones too: browsers then remember nothing."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= _AGE_DIGITS and int(digits) <= _LARGEST_AGE:
        return int(text)
    raise Problem(errors.XML_MALFORMED, f"MaxAgeSeconds is a number of seconds, not {shown(text)}.")


def _misplaced(element: Element, parent: str) -> Problem:
    return Problem(errors.XML_MALFORMED, f"{element.name} does not belong into {parent}, or not twice.")


def _rule_element(rule: CorsRule) -> str:
    values = (rule.origins, rule.methods, rule.headers, rule.exposed)
    lists = "".join([xml_out.element(name, one) for name, found in zip(_LISTS, values, strict=True) for one in found])
    age = "" if rule.max_age is None else xml_out.element("MaxAgeSeconds", rule.max_age)
    return f"<CORSRule>{xml_out.optional('ID', rule.id)}{lists}{age}</CORSRule>"


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="cors"),
        What(
            name="PutBucketCors",
            summary="Set a bucket's rules for pages of other origins.",
            action=actions.PUT_BUCKET_CORS,
            takes_body=True,
        ),
        parse_put_bucket_cors,
        put_bucket_cors,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="cors"),
        What(name="GetBucketCors", summary="Read those rules.", action=actions.GET_BUCKET_CORS),
        parse_get_bucket_cors,
        get_bucket_cors,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="cors"),
        What(name="DeleteBucketCors", summary="Remove those rules.", action=actions.PUT_BUCKET_CORS),
        parse_delete_bucket_cors,
        delete_bucket_cors,
    ),
)
