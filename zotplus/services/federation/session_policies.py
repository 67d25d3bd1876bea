"""Policies that narrow one session: a document that was sent with the request, and stored policies by name.

Spec: AWS IAM User Guide, "Session policies". A session may do what both its identity and one of these allow.
"""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Policy, PolicyKind, parse_policy, unreadable
from zotplus.ports.keyvalue import Snapshot
from zotplus.records.policies import IDENTITY, find_policy, find_version, policy_id

POLICIES_MAX = 10
"""Stored policies of one session at most. Spec: AWS STS API, AssumeRoleWithWebIdentity, ``PolicyArns``."""

_INLINE = "session"


def narrowing(snapshot: Snapshot, text: str, names: tuple[str, ...], *, strict: bool) -> tuple[Policy, ...]:
    """The policies of a session, of which ``text`` is the document that was sent or empty.

    Raises ``POLICY_INVALID`` and ``RECORD_NOT_FOUND`` when ``strict``; else what is gone or cannot be read denies.
    """
    found = [_parsed(text, PolicyKind.SESSION, _INLINE, strict=strict)] if text else []
    return (*found, *(_stored(snapshot, name, strict=strict) for name in names))


def _stored(snapshot: Snapshot, name: str, *, strict: bool) -> Policy:
    head = find_policy(snapshot, name)
    version = None if head is None or head.kind != IDENTITY else find_version(snapshot, name, head.current)
    if head is None or version is None:
        if strict:
            raise Problem(errors.RECORD_NOT_FOUND, f"There is no identity policy {name[:128]!r}.")
        return unreadable(name)
    return _parsed(
        version.text.decode(errors="replace"), PolicyKind.IDENTITY, policy_id(name, head.current), strict=strict
    )


def _parsed(text: str, kind: PolicyKind, id_: str, *, strict: bool) -> Policy:
    try:
        return parse_policy(text, kind)
    except Problem:
        if strict:
            raise
        return unreadable(id_)
