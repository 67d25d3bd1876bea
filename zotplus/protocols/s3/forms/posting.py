"""POST Object: an upload by a form, which is a PutObject whose headers are the form's fields.

Spec: Amazon S3 API Reference, POST Object.
"""

import time
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from zotplus.domain import actions, errors, percent
from zotplus.domain.dates import parse_basic_date
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_key
from zotplus.domain.signatures.form_signatures import missing, parse_form_claim
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM
from zotplus.domain.storage.tags import OBJECT_TAGS
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead
from zotplus.gateway.pipeline import authorise
from zotplus.gateway.reply import Reply
from zotplus.protocols.s3.attributes import WRITE_HEADERS
from zotplus.protocols.s3.forms.opening import FormBody, open_form, require_boundary
from zotplus.protocols.s3.objects.writing import PutObject, parse_put_object, put_object
from zotplus.protocols.s3.request import Level, Request, argument_invalid, refuse_unsupported_headers
from zotplus.protocols.s3.rows import What, When, row
from zotplus.protocols.s3.settings.tagging import read_tagging
from zotplus.protocols.s3.xml_out import XML, document, element

POST_OBJECT = "PostObject"
"""The route's name: who asks is told by the body of such a request, where its head does not."""
_CONTENT_FIELDS = frozenset(
    {"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"}
)
_AMAZON_PREFIX = "x-amz-"
# Fields that are about the form, not about the object.
_OF_FORM = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"})
# Headers about the body, for a form's file is neither chunked nor hashed by them, and about the request as a whole.
_OF_REQUEST = frozenset({
    "x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-expected-bucket-owner", "x-amz-trailer",
})  # fmt: skip
_OBJECT_HEADERS = (
    "x-amz-acl", "x-amz-grant-", "x-amz-meta-", "x-amz-object-lock-", "x-amz-server-side-", "x-amz-storage-class",
    "x-amz-tagging", "x-amz-website-",
)  # fmt: skip
_VERSION_2 = "AWS"
_STATUSES = {"200": 200, "201": 201}
_SEE_OTHER, _NO_CONTENT, _CREATED = 303, 204, 201
_REDIRECTS = ("success_action_redirect", "redirect")


class PostObject(msgspec.Struct, frozen=True, kw_only=True):
    """A form to come: what it writes is known when its fields have been read."""

    request: Request

    def needs(self) -> tuple[()]:
        """Nothing yet: the handler asks for what the fields mean."""
        return ()


def parse_post_object(request: Request) -> PostObject:
    """Raises ``PRECONDITION_FAILED`` for what is no form, ``FORM_MALFORMED``, ``ARGUMENT_INVALID``.

    A header that says something about the object is refused: in a form that is a field, which the policy covers.
    """
    require_boundary(request.header("content-type") or "")
    for name in request.head.headers:
        if name.lower().startswith(_OBJECT_HEADERS):
            raise argument_invalid(name, "", "In a form this is a field before the file, not a header.")
    return PostObject(request=request)


async def post_object(context: Context, operation: PostObject) -> Reply:
    """Raises what ``PutObject`` does, ``ACCESS_DENIED`` and ``CREDENTIALS_AMBIGUOUS``."""
    form = await _form(context, operation.request)
    wanted, request = _put_object(form, operation.request)
    context.head = request.head  # the fields are its headers, also for conditions and whoever looks from here on
    if context.route is not None:
        needs = _needs(form, wanted)
        await gather(context, needs)
        authorise(context, context.route, needs)
    redirect = _redirect(form, request.bucket)
    written = await put_object(context, wanted)
    location = f"{request.head.scheme}://{request.head.host}{_path(operation.request, wanted.key)}"
    return _answer(form, wanted, written, (location, redirect))


async def _form(context: Context, request: Request) -> FormBody:
    """The form, which was opened already where its own signature told who asks."""
    if isinstance(context.body, FormBody):
        return context.body
    form = await open_form(context, request)
    if parse_form_claim(form.fields) is not None:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS, "Both the request and its form are signed.")
    context.claim = None  # it vouched for the whole body, which is checked beside; the file has no hash of its own
    return form


def _needs(form: FormBody, wanted: PutObject) -> tuple[Need, ...]:
    """What must be allowed; a form's own signature is not in the head, where conditions look for it otherwise."""
    signed = parse_basic_date(form.fields.get("x-amz-date", ""))
    if form.policy is None:
        return wanted.needs()
    keys = {"s3:authtype": "POST", "s3:signatureversion": _VERSION_2 if signed is None else ALGORITHM}
    if signed is not None:
        keys["s3:signatureage"] = str(max(0, int((time.time() - signed) * 1000)))
    return tuple([msgspec.structs.replace(need, keys={**need.keys, **keys}) for need in wanted.needs()])


def _put_object(form: FormBody, request: Request) -> tuple[PutObject, Request]:
    """What the form writes, and the request that would write it by PUT."""
    key = form.fields.get("key", "")
    if not key:
        raise missing("key")
    check_key(key)
    head = _head(form, request.head)
    refuse_unsupported_headers(head, tuple(WRITE_HEADERS.split()))
    request = msgspec.structs.replace(request, head=head, key=key, query={})
    wanted = parse_put_object(request)
    # the length is that of a form with nothing behind its file
    body = msgspec.structs.replace(wanted.body, size=None)
    return msgspec.structs.replace(wanted, body=body), request


def _head(form: FormBody, head: RequestHead) -> RequestHead:
    """``head`` as that of a PUT: its own headers, but about the object what the fields say."""
    headers = CIMultiDict(
        [
            (name, value)
            for name, value in head.headers.items()
            if not name.lower().startswith((_AMAZON_PREFIX, "content-")) and name.lower() not in _CONTENT_FIELDS
        ]
    )
    for name, value in form.fields.items():
        if name in _CONTENT_FIELDS:
            headers[name] = value
        elif name == "acl":
            headers["x-amz-acl"] = value
        elif name == "tagging":
            headers["x-amz-tagging"] = urlencode(read_tagging(value.encode(), OBJECT_TAGS), quote_via=quote)
        elif name in _OF_REQUEST:
            raise argument_invalid(name, value, "A form has no such field.")
        elif name.startswith(_AMAZON_PREFIX) and name not in _OF_FORM:
            headers[name] = value
    headers["Content-Length"] = str(form.size or 0)
    return msgspec.structs.replace(head, headers=CIMultiDictProxy(headers))


def _path(request: Request, key: str) -> str:
    """Where the object is, on the address that the form was sent to."""
    return f"{request.head.raw_path.rstrip('/')}/{percent.encode(key, keep_slash=True)}"


def _redirect(form: FormBody, bucket: str) -> str:
    """Where the client is sent afterwards; empty where the form names nothing that is an address of the web.

    A form that nobody signed sends nobody anywhere: it would be an open redirect. Raises ``ACCESS_DENIED``.
    """
    target = next((form.fields[name] for name in _REDIRECTS if form.fields.get(name)), "")
    try:
        parts = urlsplit(target)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and target.isprintable()
    except ValueError:
        is_address = False
    if not is_address:
        return ""
    if form.policy is None:
        detail = f"A form to {bucket} without a signed policy cannot send its reader elsewhere."
        raise Problem(errors.ACCESS_DENIED, detail)
    return target


def _answer(form: FormBody, wanted: PutObject, written: Reply, places: tuple[str, str]) -> Reply:
    location, redirect = places
    etag = next(value for name, value in written.headers if name == "ETag")
    if redirect:
        parts = urlsplit(redirect)
        told = urlencode({"bucket": wanted.bucket, "key": wanted.key, "etag": etag})
        target = urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))
        return Reply(status=_SEE_OTHER, headers=(*written.headers, ("Location", target)))
    status = _STATUSES.get(form.fields.get("success_action_status", ""), _NO_CONTENT)
    headers = (*written.headers, ("Location", location))
    if status != _CREATED:
        return Reply(status=status, headers=headers)
    content = (
        element("Location", location)
        + element("Bucket", wanted.bucket)
        + element("Key", wanted.key)
        + element("ETag", etag)
    )
    return Reply(status=status, headers=(*headers, XML), body=document("PostResponse", content))


ROWS = (
    row(
        When(level=Level.BUCKET, method="POST", headers=" ".join(_OBJECT_HEADERS)),
        What(
            name=POST_OBJECT,
            summary="Upload by an HTML form.",
            action=actions.PUT_OBJECT,
            decides=True,
            takes_body=True,
        ),
        parse_post_object,
        post_object,
    ),
)
