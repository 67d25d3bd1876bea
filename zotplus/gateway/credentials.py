"""The Authorization header, and the Basic scheme that three faces share. Spec: RFC 9110 11.6.2, RFC 7617."""

import base64
import binascii

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers
from zotplus.domain.principals import Principal
from zotplus.gateway.context import Context

BASIC_MAX_CHARACTERS = 4_096
"""Access keys, robot names and secrets take less than 1 KiB together; a longer credential is not worth decoding."""


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


async def basic_caller(context: Context) -> Principal:
    """The holder of an access key or robot token; anonymous without a header.

    Raises the credentials' problems; ``CREDENTIALS_MALFORMED`` for another scheme.
    """
    headers, access = context.head.headers, context.services.access
    if "Authorization" not in headers:
        return await access.anonymous()
    scheme, value = authorization(headers)
    if scheme != "basic":
        raise Problem(errors.CREDENTIALS_MALFORMED, "This address takes the Basic scheme.")
    return await access.by_password(*basic(value))
