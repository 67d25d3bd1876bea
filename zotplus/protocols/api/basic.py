"""The Basic authentication scheme. Spec: RFC 7617."""

import base64
import binascii

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.headers import Headers

# Access keys and secrets have well under 1 KiB; a longer header is not worth decoding.
_LONGEST = 4096


def basic_credentials(headers: Headers) -> tuple[str, str] | None:
    """User and password of the Authorization header; None where there is none.

    Raises ``CREDENTIALS_AMBIGUOUS`` for more than one header, ``CREDENTIALS_MALFORMED`` for another scheme or form.
    """
    values = headers.getall("Authorization", [])
    if not values:
        return None
    if len(values) > 1:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS)
    scheme, _, token = values[0].strip().partition(" ")
    if scheme.lower() != "basic":
        raise Problem(errors.CREDENTIALS_MALFORMED, "The administration API takes the Basic scheme.")
    if len(token) > _LONGEST:
        raise Problem(errors.CREDENTIALS_MALFORMED)
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:  # ValueError: not ASCII, not UTF-8
        raise Problem(errors.CREDENTIALS_MALFORMED) from error
    if not colon or not user:
        raise Problem(errors.CREDENTIALS_MALFORMED)
    return user, password
