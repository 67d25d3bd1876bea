"""One operation of the API as data: its route, what it takes and gives, and the function that does the work."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from zotplus.domain import errors
from zotplus.domain.actions import Action
from zotplus.domain.errors import Fault, Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.openapi import Description, QueryParameter
from zotplus.gateway.reply import Reply
from zotplus.gateway.route import Operation, Route

# The documents of this API have a few hundred bytes: 1 MiB is far above any of them and cheap to hold.
BODY_LIMIT = 1_048_576
JSON = "application/json"
# Never kept by a browser or proxy: answers hold who may what, and one of them a secret.
_HEADERS = (("Content-Type", JSON), ("Cache-Control", "no-store"))
_NO_CONTENT = 204
_ALWAYS = (
    errors.ARGUMENT_INVALID, errors.CREDENTIALS_MALFORMED, errors.CREDENTIALS_MISSING, errors.CREDENTIALS_INVALID,
    errors.CREDENTIALS_EXPIRED, errors.ACCESS_DENIED, errors.INTERNAL_ERROR, errors.SHUTTING_DOWN,
)  # fmt: skip
_WITH_BODY = (
    errors.JSON_MALFORMED, errors.MEDIA_TYPE_UNSUPPORTED, errors.BODY_TOO_LARGE, errors.BODY_INCOMPLETE,
    errors.REQUEST_TIMEOUT,
)  # fmt: skip


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed request: the decoded path and query parameters, and what must be allowed."""

    need: Need | None = None
    path: dict[str, str] = {}
    query: dict[str, str] = {}

    def needs(self) -> tuple[Need, ...]:
        """The endpoint's own action on its own resource."""
        return () if self.need is None else (self.need,)


Work = Callable[[Context, Call, Any], Awaitable[msgspec.Struct | None]]
"""Does the work of an endpoint: (context, call, decoded body or None) -> the document to answer with, None for 204."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the API.

    ``address`` is method and template (``DELETE /keys/{id}``) under the face's prefix. ``action`` is asked on
    ``resource``, in which ``{id}`` stands for the path's parameter; an endpoint without an action is for everybody who
    is known and asks the evaluator itself, per item, or is ``public``: nobody need be known. ``takes`` and ``gives``
    are the types of the two bodies, ``status`` that of success, and ``faults`` what it can answer beside the faults
    that every endpoint can. ``tag`` gives the ETag of an answer, ``body_limit`` is in bytes.
    """

    address: str
    name: str
    summary: str
    work: Work
    action: Action | None = None
    resource: str = ""
    public: bool = False
    takes: Any = None
    gives: Any = None
    status: int = 200
    query: tuple[QueryParameter, ...] = ()
    faults: tuple[Fault, ...] = ()
    tag: Callable[[Any], str] | None = None
    body_limit: int = BODY_LIMIT


def route_of(row: Endpoint, prefix: str) -> Route:
    """The gateway's view of ``row``."""
    method, _, template = row.address.partition(" ")
    decides = row.action is None and not row.public

    async def handle(context: Context, operation: Operation) -> Reply:
        if not isinstance(operation, Call):
            raise TypeError(operation)
        if decides and context.principal.is_anonymous:  # before anything of the body is judged
            raise Problem(errors.CREDENTIALS_MISSING)
        body = None if row.takes is None else await decode(context, row.takes, row.body_limit)
        document = await row.work(context, operation, body)
        reply = answer(document, row.status)
        if row.tag is None or document is None:
            return reply
        return msgspec.structs.replace(reply, headers=(*reply.headers, ("ETag", row.tag(document))))

    return Route(
        name=row.name,
        method=method,
        template=prefix + template,
        summary=row.summary,
        handle=handle,
        action=row.action,
        public=row.public,
        decides=decides,
        takes_body=row.takes is not None,
    )


def describe(row: Endpoint, route: Route) -> Description:
    """``row`` for the OpenAPI document."""
    faults = (*_ALWAYS, *(_WITH_BODY if row.takes is not None else ()), *row.faults)
    return Description(route=route, takes=row.takes, gives=row.gives, status=row.status, query=row.query, faults=faults)


def answer(document: msgspec.Struct | None, status: int = 200) -> Reply:
    """``document`` as JSON; nothing at all as 204."""
    if document is None:
        return Reply(status=_NO_CONTENT, headers=_HEADERS[1:])
    return Reply(status=status, headers=_HEADERS, body=msgspec.json.encode(document))


async def decode(context: Context, kind: Any, limit: int = BODY_LIMIT) -> Any:
    """The request's body as ``kind``. Raises ``MEDIA_TYPE_UNSUPPORTED``, ``BODY_TOO_LARGE``, ``JSON_MALFORMED``.

    Only ``application/json`` is taken: a page of another site can make a browser post forms and plain text with the
    credentials that it remembers, but not JSON.
    """
    media_type = context.head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise Problem(errors.MEDIA_TYPE_UNSUPPORTED, header="Content-Type")
    content = await context.body.read(limit)
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:  # names the path: "... - at `$.role`"
        raise Problem(errors.JSON_MALFORMED, f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(errors.JSON_MALFORMED, "The body is no JSON document.") from error
