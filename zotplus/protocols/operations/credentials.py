"""Who reads the metrics: Basic authentication, which Prometheus speaks (``basic_auth``). Spec: RFC 7617."""

import base64
import binascii

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.principals import Principal
from zotplus.gateway.context import Context

LONGEST = 4_096
"""Characters of the header at most; access keys and secrets have a tenth of it."""


async def caller(context: Context) -> Principal:
    """The holder of an access key or robot token; anonymous without a header. Raises the credentials' problems."""
    values = context.head.headers.getall("Authorization", [])
    if not values:
        return await context.services.access.anonymous()
    if len(values) > 1:
        raise Problem(errors.CREDENTIALS_AMBIGUOUS)
    scheme, _, token = values[0].strip().partition(" ")
    if scheme.lower() != "basic" or len(token) > LONGEST:
        raise Problem(errors.CREDENTIALS_MALFORMED, "The metrics take the Basic scheme.")
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:  # ValueError: not ASCII, not UTF-8
        raise Problem(errors.CREDENTIALS_MALFORMED) from error
    if not user or not colon:
        raise Problem(errors.CREDENTIALS_MALFORMED)
    return await context.services.access.by_password(user, password)
