"""From answered requests to lines of access logs, for the buckets that have one.

Spec: Amazon S3 User Guide, "Amazon S3 server access log format".
"""

import hashlib
import time
from functools import lru_cache

from zotplus.domain.errors import Problem
from zotplus.domain.iam.arns import arn_of_principal
from zotplus.domain.storage.access_lines import AccessLine
from zotplus.gateway.context import Context
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3.face import S3Face
from zotplus.protocols.s3.request import Request
from zotplus.protocols.s3.wire_errors import wire
from zotplus.services.configuration.access_logging import Logged
from zotplus.services.events.access_logs import AccessLogs

_OPERATIONS = {
    "CopyObject": "REST.COPY.OBJECT",
    "UploadPart": "REST.PUT.PART",
    "UploadPartCopy": "REST.COPY.PART",
    "CreateMultipartUpload": "REST.POST.UPLOADS",
    "CompleteMultipartUpload": "REST.POST.UPLOAD",
    "AbortMultipartUpload": "REST.DELETE.UPLOAD",
    "ListParts": "REST.GET.UPLOAD",
    "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE",
    "ListObjects": "REST.GET.BUCKET",
    "ListObjectsV2": "REST.GET.BUCKET",
    "ListObjectVersions": "REST.GET.BUCKETVERSIONS",
    "GetBucketPolicy": "REST.GET.BUCKETPOLICY",
    "PutBucketPolicy": "REST.PUT.BUCKETPOLICY",
    "DeleteBucketPolicy": "REST.DELETE.BUCKETPOLICY",
    "GetBucketLogging": "REST.GET.LOGGING_STATUS",
    "PutBucketLogging": "REST.PUT.LOGGING_STATUS",
    "GetObjectTagging": "REST.GET.OBJECT_TAGGING",
    "PutObjectTagging": "REST.PUT.OBJECT_TAGGING",
    "DeleteObjectTagging": "REST.DELETE.OBJECT_TAGGING",
}
"""What Amazon calls the operations whose names do not follow from method and sub-resource."""
_PARTIAL = 206
_OK = 200
_DIGITS = 19


class AccessRecords:
    """Told of every answered request; those of buckets without a log cost one look."""

    def __init__(self, logs: AccessLogs) -> None:
        self._logs = logs

    def note(self, context: Context, reply: Reply, sizes: tuple[int, int]) -> None:
        """A request has been answered: ``sizes`` are the bytes of its body and of the answer's."""
        if not self._logs.sources or not isinstance(context.face, S3Face):
            return
        try:
            request = context.face.read(context.head)
        except Problem:
            return  # it names no bucket
        logged = self._logs.sources.get(request.bucket)
        if logged is not None:
            self._logs.take(_line(context, request, logged, reply, sizes))


def _line(context: Context, request: Request, logged: Logged, reply: Reply, sizes: tuple[int, int]) -> AccessLine:
    head, headers = context.head, context.head.headers
    signature, authentication = _authentication(context, request)
    answered = {name.lower(): value for name, value in reply.headers}
    return AccessLine(
        owner=_canonical(logged.owner),
        bucket=request.bucket,
        time=time.time(),
        address=head.peer,
        requester="" if context.principal.is_anonymous else arn_of_principal(context.principal.id),
        request_id=context.request_id,
        operation=operation_name(context, request),
        key=request.key,
        method=head.method,
        target=f"{head.raw_path}?{head.raw_query}" if head.raw_query else head.raw_path,
        status=reply.status,
        error="" if context.fault is None else wire(context.fault)[0],
        sent=sizes[1],
        size=_object_size(context, request, reply, sizes),
        milliseconds=int((time.perf_counter() - context.started) * 1000),
        referer=headers.get("Referer", ""),
        agent=headers.get("User-Agent", ""),
        version=answered.get("x-amz-version-id", ""),
        signature=signature,
        authentication=authentication,
        host=headers.get("Host", ""),
    )


def operation_name(context: Context, request: Request) -> str:
    """As Amazon's logs call it: ``REST.GET.OBJECT``, ``REST.PUT.NOTIFICATION``."""
    known = _OPERATIONS.get(context.operation_name)
    if known is not None:
        return known
    template = "" if context.route is None else context.route.template
    selectors = [name.partition("=")[0] for name in template.partition("?")[2].split("&")]
    resource = selectors[0].replace("-", "_") or request.level
    return f"REST.{context.head.method}.{resource.upper()}"


def _object_size(context: Context, request: Request, reply: Reply, sizes: tuple[int, int]) -> int | None:
    """The size of the object that was read or written; None where it is not known here."""
    if not request.key or context.fault is not None:
        return None
    method = context.head.method
    if method == "HEAD":
        return reply.length
    if method == "GET" and reply.status == _OK:
        return sizes[1]
    if method == "GET" and reply.status == _PARTIAL:
        whole = next((value for name, value in reply.headers if name.lower() == "content-range"), "").rpartition("/")[2]
        return _number(whole)
    if method == "PUT" and sizes[0]:
        return _number(context.head.headers.get("x-amz-decoded-content-length", str(sizes[0])))
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _authentication(context: Context, request: Request) -> tuple[str, str]:
    """Signature version and kind, empty for who did not sign."""
    if "X-Amz-Signature" in request.query:
        return "SigV4", "QueryString"
    if "Signature" in request.query:
        return "SigV2", "QueryString"
    header = context.head.headers.get("Authorization", "")
    if header.startswith("AWS4-"):
        return "SigV4", "AuthHeader"
    if header.startswith("AWS "):
        return "SigV2", "AuthHeader"
    return "", "AuthHeader" if header else ""


@lru_cache(maxsize=1024)
def _canonical(owner: str) -> str:
    """The form of Amazon's canonical user ids, as lists show owners."""
    return hashlib.sha256(owner.encode()).hexdigest()
