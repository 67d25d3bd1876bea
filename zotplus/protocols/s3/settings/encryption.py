"""The default encryption of a bucket: PutBucketEncryption, GetBucketEncryption, DeleteBucketEncryption.

Spec: Amazon S3 API Reference, PutBucketEncryption; User Guide, "Setting default server-side encryption behavior".
"""

import msgspec

from zotplus.domain import actions, errors
from zotplus.domain.encryption.schemes import SSE_KMS, SSE_S3, read_key_id
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.iam.refusals import shown
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3 import payload, xml_out
from zotplus.protocols.s3.request import Level, Request
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.encryption_headers import AES256, KMS, settled
from zotplus.protocols.s3.xml_in import Element, read_tree
from zotplus.protocols.s3.xml_out import XML
from zotplus.records.buckets import DefaultEncryptionRecord
from zotplus.services.values import Protection

_DOCUMENT_LIMIT = 16_384
_ROOT = "ServerSideEncryptionConfiguration"


class PutBucketEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """A default in place of the one that is there."""

    bucket: str
    body: payload.Incoming

    def needs(self) -> tuple[Need, ...]:
        """To set it."""
        return (Need(actions.PUT_ENCRYPTION_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_put(request: Request) -> PutBucketEncryption:
    """Raises what ``payload.parse_incoming`` does."""
    return PutBucketEncryption(bucket=request.bucket, body=payload.parse_incoming(request))


async def put(context: Context, operation: PutBucketEncryption) -> Reply:
    """Raises ``XML_MALFORMED``, ``ARGUMENT_INVALID``, ``ACCESS_DENIED`` by the key's policy, ``BUCKET_NOT_FOUND``."""
    default = read_default(await payload.read_document(context, operation.body, _DOCUMENT_LIMIT))
    asked = Protection(scheme=default.scheme, key_id=default.key_id, bucket_key=default.bucket_key)
    await context.services.encryption.begin(await settled(context, operation.bucket, asked))  # the key is there
    await context.services.documents.change(operation.bucket, encryption=default)
    return Reply()


class GetBucketEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """The default that counts."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To read it."""
        return (Need(actions.GET_ENCRYPTION_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_get(request: Request) -> GetBucketEncryption:
    """Only the name."""
    return GetBucketEncryption(bucket=request.bucket)


async def get(context: Context, operation: GetBucketEncryption) -> Reply:
    """Raises ``BUCKET_ENCRYPTION_MISSING``, ``BUCKET_NOT_FOUND``."""
    bucket = await context.services.documents.bucket(operation.bucket)
    default = context.services.encryption.choose(bucket, None)
    if default is None:
        raise Problem(errors.BUCKET_ENCRYPTION_MISSING, bucket=operation.bucket)
    is_kms = default.scheme == SSE_KMS
    key = xml_out.element("KMSMasterKeyID", default.key_id) if is_kms else ""
    content = (
        f"<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{KMS if is_kms else AES256}</SSEAlgorithm>{key}"
        "</ApplyServerSideEncryptionByDefault>"
        f"<BucketKeyEnabled>{str(default.bucket_key).lower()}</BucketKeyEnabled></Rule>"
    )
    return Reply(headers=(XML,), body=xml_out.document(_ROOT, content))


class DeleteBucketEncryption(msgspec.Struct, frozen=True, kw_only=True):
    """The server's default again."""

    bucket: str

    def needs(self) -> tuple[Need, ...]:
        """To set it, as on Amazon."""
        return (Need(actions.PUT_ENCRYPTION_CONFIGURATION.name, f"s3:{self.bucket}"),)


def parse_delete(request: Request) -> DeleteBucketEncryption:
    """Only the name."""
    return DeleteBucketEncryption(bucket=request.bucket)


async def delete(context: Context, operation: DeleteBucketEncryption) -> Reply:
    """No error where there is none. Raises ``BUCKET_NOT_FOUND``."""
    await context.services.documents.change(operation.bucket, encryption=None)
    return Reply(status=204)


def read_default(document: bytes) -> DefaultEncryptionRecord:
    """The one rule of a ServerSideEncryptionConfiguration. Raises ``XML_MALFORMED``, ``ARGUMENT_INVALID``."""
    rules = read_tree(document, _ROOT).children
    if len(rules) != 1 or rules[0].name != "Rule":
        raise Problem(errors.XML_MALFORMED, "A bucket has exactly one encryption rule.")
    parts = _once(rules[0], {"ApplyServerSideEncryptionByDefault", "BucketKeyEnabled", "BlockedEncryptionTypes"})
    if "BlockedEncryptionTypes" in parts:
        raise Problem(errors.OPERATION_UNKNOWN, "BlockedEncryptionTypes is not implemented; a policy can deny them.")
    default = parts.get("ApplyServerSideEncryptionByDefault")
    if default is None:
        raise Problem(errors.XML_MALFORMED, "The rule names no default.")
    fields = {name: one.text.strip() for name, one in _once(default, {"SSEAlgorithm", "KMSMasterKeyID"}).items()}
    bucket_key = parts["BucketKeyEnabled"].text.strip() if "BucketKeyEnabled" in parts else "false"
    if bucket_key not in ("true", "false"):
        raise Problem(errors.XML_MALFORMED, f"BucketKeyEnabled is true or false, not {shown(bucket_key)}.")
    key_id = fields.get("KMSMasterKeyID", "")
    scheme = _scheme(fields.get("SSEAlgorithm", ""))
    if scheme == SSE_S3 and key_id:
        raise Problem(
            errors.ARGUMENT_INVALID, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"
        )
    return DefaultEncryptionRecord(
        scheme=scheme, key_id=read_key_id(key_id) if key_id else "", bucket_key=bucket_key == "true"
    )


def _scheme(algorithm: str) -> str:
    if algorithm == "aws:kms:dsse":
        raise Problem(errors.OPERATION_UNKNOWN, "Dual-layer encryption (aws:kms:dsse) is not implemented.")
    if algorithm not in (AES256, KMS):
        raise Problem(errors.XML_MALFORMED, f"SSEAlgorithm is AES256 or aws:kms, not {shown(algorithm)}.")
    return SSE_S3 if algorithm == AES256 else SSE_KMS


def _once(element: Element, known: set[str]) -> dict[str, Element]:
    found = {child.name: child for child in element.children}
    if len(found) != len(element.children) or not found.keys() <= known:
        raise Problem(errors.XML_MALFORMED, f"{element.name} holds something that is unknown, or twice.")
    return found


ROWS = (
    row(
        When(level=Level.BUCKET, method="PUT", query="encryption"),
        What(
            name="PutBucketEncryption",
            summary="Set a bucket's default encryption.",
            action=actions.PUT_ENCRYPTION_CONFIGURATION,
            takes_body=True,
        ),
        parse_put,
        put,
    ),
    row(
        When(level=Level.BUCKET, method="GET", query="encryption"),
        What(
            name="GetBucketEncryption",
            summary="Read a bucket's default encryption.",
            action=actions.GET_ENCRYPTION_CONFIGURATION,
        ),
        parse_get,
        get,
    ),
    row(
        When(level=Level.BUCKET, method="DELETE", query="encryption"),
        What(
            name="DeleteBucketEncryption",
            summary="Remove a bucket's default encryption.",
            action=actions.PUT_ENCRYPTION_CONFIGURATION,
        ),
        parse_delete,
        delete,
    ),
)
