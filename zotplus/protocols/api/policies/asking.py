"""What endpoints about policies need of the request: conditions on versions, and leave for each single change."""

import re

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context

ABSENT = 0
"""The version of what must not exist (``services.policies.changes.ABSENT``)."""

_tag = re.compile(r'"([1-9][0-9]{0,9})"').fullmatch


def tag(version: int) -> str:
    """The ETag of a version (RFC 9110, 8.8.3)."""
    return f'"{version}"'


def expected_version(context: Context) -> int | None:
    """The version that ``If-Match`` names, ``ABSENT`` for ``If-None-Match: *``, None without a condition.

    Raises ``ARGUMENT_INVALID`` for any other condition: one that is not understood must not be taken for none.
    """
    headers = context.head.headers
    match, none_match = headers.getall("If-Match", []), headers.getall("If-None-Match", [])
    if not match and not none_match:
        return None
    if none_match == ["*"] and not match:
        return ABSENT
    found = _tag(match[0].strip()) if len(match) == 1 and not none_match else None
    if found is None:
        detail = 'The condition is If-Match: "VERSION", or If-None-Match: * for a policy that must be new.'
        raise Problem(errors.ARGUMENT_INVALID, detail, argument="If-Match")
    return int(found[1])


def require(context: Context, need: Need) -> None:
    """Refuse what the caller may not do. Raises ``ACCESS_DENIED``."""
    if not context.may(need):
        raise Problem(errors.ACCESS_DENIED, f"You may not {need.action} on {need.resource}.", resource=need.resource)
