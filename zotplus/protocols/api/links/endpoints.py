"""Links and forms that do one thing without further credentials: made for oneself, from what one came with.

Who came with an access key has them signed by it. Who came with a token gets a session, and the link ends with that;
nobody gets a link that lasts longer than what it was made from, or does more than they may.
"""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from zotplus.domain import actions, errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.domain.names import check_bucket_name, check_key
from zotplus.domain.principals import Principal, PrincipalKind
from zotplus.domain.signatures.links import Link, Place, UploadForm, sign_form, sign_link
from zotplus.domain.signatures.sigv4_sign import SigningCredentials
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.protocols.api.policies.asking import require
from zotplus.services.federation.federation import SESSION_NAME_KEY
from zotplus.services.federation.sessions import SessionPolicies
from zotplus.services.tokens.registry_tokens import somebody

S3_PATH = "/s3"
"""Where the main port serves S3."""
SESSION_NAME = "presign"
_ACTIONS = {
    "GET": actions.GET_OBJECT,
    "HEAD": actions.GET_OBJECT,
    "PUT": actions.PUT_OBJECT,
    "DELETE": actions.DELETE_OBJECT,
}
_VERSION_ACTIONS = {
    "GET": actions.GET_OBJECT_VERSION,
    "HEAD": actions.GET_OBJECT_VERSION,
    "DELETE": actions.DELETE_OBJECT_VERSION,
}
_PEOPLE = frozenset({PrincipalKind.USER, PrincipalKind.TRUST})

Text = Annotated[str, Meta(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]
Key = Annotated[str, Meta(max_length=1024)]
Seconds = Annotated[int, Meta(ge=1, le=604_800)]


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the link does. ``filename`` has browsers store a download under this name.

    ``content_type`` is what a download says to be, and what an upload has to be sent with.
    """

    bucket: Text
    key: Key
    method: Literal["GET", "HEAD", "PUT", "DELETE"] = "GET"
    expires_in: Seconds = 3_600
    version_id: Text = ""
    content_type: Text = ""
    filename: Text = ""


class SignedLink(msgspec.Struct, frozen=True, kw_only=True):
    """The link, with the ``headers`` that have to be sent with it."""

    url: str
    method: str
    headers: dict[str, str]
    expires: datetime


class NewForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a form uploads to: ``key``, or files by their own names below it where it is empty or ends in a slash."""

    bucket: Text
    key: Key = ""
    expires_in: Seconds = 3_600
    max_size: Annotated[int, Meta(ge=1, le=5_368_709_120)] = 5_368_709_120
    content_type: Text = ""


class SignedForm(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the form, and the fields that come before its file."""

    url: str
    fields: dict[str, str]
    expires: datetime


async def create_link(context: Context, _call: Call, body: NewLink) -> SignedLink:
    """Raises ``ACCESS_DENIED`` where the caller may not do it, ``ARGUMENT_INVALID``."""
    check_bucket_name(body.bucket)
    check_key(body.key)
    action = (_VERSION_ACTIONS if body.version_id else _ACTIONS).get(body.method, actions.PUT_OBJECT)
    await _require(context, Need(action.name, f"s3:{body.bucket}/{body.key}"))
    credentials, seconds = await _credentials(context, body.expires_in)
    now = time.time()
    link = Link(
        method=body.method,
        bucket=body.bucket,
        key=body.key,
        version_id=body.version_id,
        content_type=body.content_type,
        filename=body.filename,
    )
    url = sign_link(link, _place(context), credentials, expires=seconds, now=now)
    headers = {"Content-Type": body.content_type} if body.content_type and body.method == "PUT" else {}
    return SignedLink(url=url, method=body.method, headers=headers, expires=_moment(now + seconds))


async def create_form(context: Context, _call: Call, body: NewForm) -> SignedForm:
    """Raises ``ACCESS_DENIED`` where the caller may not upload there, ``ARGUMENT_INVALID``."""
    check_bucket_name(body.bucket)
    if body.key:
        check_key(body.key)
    await _require(context, Need(actions.PUT_OBJECT.name, f"s3:{body.bucket}/{body.key}"))
    credentials, seconds = await _credentials(context, body.expires_in)
    now = time.time()
    form = UploadForm(bucket=body.bucket, key=body.key, max_size=body.max_size, content_type=body.content_type)
    made = sign_form(form, _place(context), credentials, expires=seconds, now=now)
    return SignedForm(url=made.url, fields=made.fields, expires=_moment(now + seconds))


async def _require(context: Context, need: Need) -> None:
    """A link is judged again whenever it is used; one that cannot work is refused here, where somebody reads why."""
    await gather(context, (need,))
    require(context, need)


async def _credentials(context: Context, asked: int) -> tuple[SigningCredentials, int]:
    """What signs for the caller, and for how many seconds. Raises ``ACCESS_DENIED`` for who cannot sign."""
    principal, services = context.principal, context.services
    left = principal.expires - time.time()
    if principal.kind is PrincipalKind.KEY and principal.credential == PrincipalKind.KEY.value:
        _, secret = await services.callers.signer(principal.id)
        return SigningCredentials(access_key=principal.id, secret_key=secret), int(min(asked, max(left, 1)))
    if principal.kind not in _PEOPLE:
        raise Problem(
            errors.ACCESS_DENIED, "Links are signed by access keys, and for people and jobs who came with a token."
        )
    sessions = services.federation.sessions
    allowed = sessions.settings.lifetime if _is_own_login(principal) else left
    seconds = int(max(min(asked, sessions.settings.lifetime, allowed), 1))
    who = somebody(principal, principal.expires)
    named = msgspec.structs.replace(who, attributes={**who.attributes, SESSION_NAME_KEY: (SESSION_NAME,)})
    made = await sessions.issue(named, seconds, SessionPolicies())
    signer = SigningCredentials(access_key=made.access_key, secret_key=made.secret, session_token=made.token)
    return signer, seconds


def _is_own_login(principal: Principal) -> bool:
    """Whether somebody came with their issuer's own token, for which a session is given that outlasts it."""
    return principal.kind is PrincipalKind.USER and principal.credential.startswith("jwt ")


def _place(context: Context) -> Place:
    return Place(scheme=context.head.scheme, host=context.head.host, path=S3_PATH)


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(int(epoch), UTC)


ENDPOINTS = (
    Endpoint(
        address="POST /presign",
        name="CreateLink",
        summary="Sign a link for yourself that reads, writes or deletes one object without further credentials.",
        work=create_link,
        takes=NewLink,
        gives=SignedLink,
        status=201,
        faults=(errors.BUCKET_NAME_INVALID, errors.KEY_TOO_LONG),
    ),
    Endpoint(
        address="POST /presign/form",
        name="CreateForm",
        summary="Sign an HTML form for yourself that uploads one file without further credentials.",
        work=create_form,
        takes=NewForm,
        gives=SignedForm,
        status=201,
        faults=(errors.BUCKET_NAME_INVALID, errors.KEY_TOO_LONG),
    ),
)
