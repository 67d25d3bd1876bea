"""The Authorization header, and the schemes that faces share. Spec: RFC 9110 11.6.2, RFC 7617, RFC 6750."""

import base64
import binascii

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers
from zotplus.domain.principals import Principal
from zotplus.gateway.context import Context
from zotplus.gateway.head import RequestHead

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"same-origin", "none"})

BASIC_MAX_CHARACTERS = 24_576
"""A token as the password has up to 16 KiB, and base64 makes a third more of it."""


def authorization(headers: Headers) -> tuple[str, str]:
    """Scheme in lower case, and what follows it; two empty strings when there is none.

    Raises ``CREDENTIALS_AMBIGUOUS`` for more than one header.
    """
    values = headers.getall("Authorization", [])
    if not values:
        return "", ""
    if len(values) > 1:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS, "Several Authorization headers were sent.")
    scheme, _, value = values[0].strip().partition(" ")
    return scheme.lower(), value.strip()


def basic(value: str) -> tuple[str, str]:
    """User and password of a Basic credential; either may be empty, as the scheme allows.

    Raises ``CREDENTIALS_MALFORMED``.
    """
    if len(value) > BASIC_MAX_CHARACTERS:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential is too long.")
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as failure:  # ValueError: not ASCII, not UTF-8
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential is not base64 of user:password.") from failure
    if not colon:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The Basic credential has no colon.")
    return user, password


def require_own_page(head: RequestHead) -> None:
    """Refuse a change that a page of another site has its reader's browser ask for.

    A browser sends a password that it remembers, and a client certificate, with whatever any page asks for. Programs
    send neither header. Raises ``ACCESS_DENIED``. Spec: Fetch Metadata Request Headers, 2.4; RFC 6454, 7.
    """
    if head.method in _SAFE_METHODS:
        return
    site, origin = head.headers.get("Sec-Fetch-Site"), head.headers.get("Origin")
    is_foreign = site not in _OWN_SITES if site is not None else origin is not None and not _is_of_host(origin, head)
    if is_foreign:
        raise Problem(errors.ACCESS_DENIED, "A page of another site asked for this change.")


def _is_of_host(origin: str, head: RequestHead) -> bool:
    return origin.partition("://")[2].lower() == head.host.lower()


async def caller(context: Context) -> Principal:
    """Who calls: by Bearer, by Basic, by a client certificate where no header says otherwise, or nobody.

    Raises the credentials' problems; ``CREDENTIALS_MALFORMED`` for another scheme; as ``require_own_page``.
    """
    head, callers = context.head, context.services.callers
    if "Authorization" not in head.headers:
        if head.certificate:
            require_own_page(head)
        return await (callers.by_certificate(head.certificate) if head.certificate else callers.anonymous())
    scheme, value = authorization(head.headers)
    if scheme == "bearer":
        return await callers.by_token(value)
    if scheme == "basic":
        require_own_page(head)
        return await callers.by_password(*basic(value), head.peer)
    raise Problem(errors.CREDENTIALS_MALFORMED, "This address takes the schemes Bearer and Basic.")
