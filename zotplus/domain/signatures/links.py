"""Links and forms that carry a signature, so that whoever has one may do one thing until it ends.

Spec: AWS "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"; Amazon S3 API Reference,
GetObject ("Overriding response header values"), "Creating a POST policy".
"""

import base64
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.dates import format_basic_date
from zotplus.domain.errors import Problem
from zotplus.domain.headers import PlainHeaders
from zotplus.domain.percent import encode
from zotplus.domain.signatures.form_signatures import sign_policy
from zotplus.domain.signatures.sigv4_canonical import ALGORITHM, SignedRequest
from zotplus.domain.signatures.sigv4_claim import MAX_EXPIRES, Scope
from zotplus.domain.signatures.sigv4_sign import SigningCredentials, presign_url

METHODS: Final = ("GET", "HEAD", "PUT", "DELETE")
FILENAME: Final = "${filename}"
"""Stands in a form's key for what the file is called."""
_FORM_SIZE_MAX: Final = 5 * 1024**3


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where S3 is: ``scheme``, ``host`` with its port as clients send it, and the ``path`` before the bucket."""

    scheme: str
    host: str
    path: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a link stands for.

    ``content_type`` is what a download says to be, and what an upload has to be sent with; ``filename`` is what a
    browser stores a download as.
    """

    method: str
    bucket: str
    key: str
    version_id: str = ""
    content_type: str = ""
    filename: str = ""


class UploadForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a form may upload: to ``key`` or, where that is empty or ends in a slash, below it by the file's own name.

    ``max_size`` is in bytes; ``content_type`` that of the object.
    """

    bucket: str
    key: str
    max_size: int = _FORM_SIZE_MAX
    content_type: str = ""


class SignedForm(msgspec.Struct, frozen=True, kw_only=True):
    """Where a form is sent, and the fields that come before its file."""

    url: str
    fields: dict[str, str]


def sign_link(link: Link, place: Place, credentials: SigningCredentials, *, expires: int, now: float) -> str:
    """The address for ``link``, good for ``expires`` seconds from ``now``. Raises ``ARGUMENT_INVALID``."""
    _require_span(expires)
    if link.method not in METHODS:
        raise _invalid("method", f"A link is for {', '.join(METHODS)}.")
    is_upload = link.method == "PUT"
    if link.filename and is_upload:
        raise _invalid("filename", "Only a download is stored as a file.")
    headers = [("host", place.host)]
    if link.content_type and is_upload:
        headers.append(("content-type", link.content_type))
    request = SignedRequest(
        method=link.method,
        raw_path=f"{place.path}/{encode(link.bucket, keep_slash=False)}/{encode(link.key, keep_slash=True)}",
        raw_query=_query(link, is_upload=is_upload),
        headers=PlainHeaders(headers),
        scheme=place.scheme,
    )
    return presign_url(request, credentials, expires=expires, now=now)


def sign_form(
    form: UploadForm, place: Place, credentials: SigningCredentials, *, expires: int, now: float
) -> SignedForm:
    """The fields of ``form``, good for ``expires`` seconds from ``now``. Raises ``ARGUMENT_INVALID``."""
    _require_span(expires)
    if not 0 < form.max_size <= _FORM_SIZE_MAX:
        raise _invalid("max_size", f"A form uploads 1 to {_FORM_SIZE_MAX} bytes.")
    is_folder = not form.key or form.key.endswith("/")
    date = format_basic_date(now)
    scope = Scope(date[:8], credentials.region, "s3")
    fields = {"key": form.key + FILENAME if is_folder else form.key}
    if form.content_type:
        fields["Content-Type"] = form.content_type
    fields |= {
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"{credentials.access_key}/{scope.date}/{scope.region}/s3/aws4_request",
        "x-amz-date": date,
    }
    if credentials.session_token is not None:
        fields["x-amz-security-token"] = credentials.session_token
    of_key: Any = ["starts-with", "$key", form.key] if is_folder else {"key": form.key}
    others = [{name: value} for name, value in fields.items() if name != "key"]
    conditions: list[Any] = [{"bucket": form.bucket}, of_key, ["content-length-range", 0, form.max_size], *others]
    until = datetime.fromtimestamp(now + expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = base64.b64encode(msgspec.json.encode({"expiration": until, "conditions": conditions})).decode()
    fields |= {"policy": policy, "x-amz-signature": sign_policy(policy, credentials.secret_key, scope)}
    url = f"{place.scheme}://{place.host}{place.path}/{encode(form.bucket, keep_slash=False)}"
    return SignedForm(url=url, fields=fields)


def attachment(filename: str) -> str:
    """The Content-Disposition that has a browser store what it gets as ``filename`` (RFC 6266, appendix D)."""
    plain = "".join([letter if letter.isascii() and letter.isprintable() else "_" for letter in filename])
    quoted = plain.replace("\\", "_").replace('"', "_").replace("%", "_")
    extended = f"; filename*=UTF-8''{encode(filename, keep_slash=False)}" if quoted != filename else ""
    return f'attachment; filename="{quoted}"{extended}'


def _query(link: Link, *, is_upload: bool) -> str:
    pairs = []
    if link.filename:
        pairs.append(("response-content-disposition", attachment(link.filename)))
    if link.content_type and not is_upload:
        pairs.append(("response-content-type", link.content_type))
    if link.version_id:
        pairs.append(("versionId", link.version_id))
    return "&".join([f"{name}={encode(value, keep_slash=False)}" for name, value in pairs])


def _require_span(expires: int) -> None:
    if not 0 < expires <= MAX_EXPIRES:
        raise _invalid("expires_in", f"It is good for 1 to {MAX_EXPIRES} seconds (seven days).")


def _invalid(argument: str, detail: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, detail, argument=argument)
