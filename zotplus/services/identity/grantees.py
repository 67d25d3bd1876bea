"""To whom grants and policies are given: one identity, a group or role of an issuer, or everybody.

A grantee is a credential's id, ``user:<issuer>:<subject>``, ``user:iam:<user>`` (one of the registry's own users),
``group:<issuer>:<group>``, ``role:<issuer>:<role>``, ``trust:<record>``, ``certificate:<operator>``, ``public``
(everybody) or ``authenticated`` (everybody who logged in). ``<issuer>`` is its name in the settings.
"""

import re
from collections.abc import Collection

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.principal_names import USER_PREFIX
from zotplus.services.identity.credentials import is_credential_id

PUBLIC = "public"
"""Everybody, logged in or not; it can only be given ``reader``."""
AUTHENTICATED = "authenticated"
"""Everybody who logged in, by whatever credential."""

GRANTEE_MAX_BYTES = 1_024
"""A part of keys in the store, which have 1,600 bytes at most. Longer names of issuers' groups cannot be granted to."""

_is_named = re.compile(r"(?:trust|certificate):[a-z0-9][a-z0-9._-]{0,127}").fullmatch
_of_issuer = re.compile(r"(user|group|role):([a-z0-9][a-z0-9-]{0,62}):(.+)", re.DOTALL).fullmatch


def is_grantee(text: str) -> bool:
    """Whether ``text`` has the form of a grantee."""
    if len(text.encode(errors="replace")) > GRANTEE_MAX_BYTES or not text.isprintable():
        return False
    return bool(text in (PUBLIC, AUTHENTICATED) or is_credential_id(text) or _is_named(text) or _of_issuer(text))


def is_credential(grantee: str) -> bool:
    """Whether ``grantee`` is a key or robot, which must exist to be given anything."""
    return grantee not in (PUBLIC, AUTHENTICATED) and is_credential_id(grantee)


def issuer_of(grantee: str) -> str | None:
    """The issuer's name in a person's, group's or role's name; None for others."""
    found = _of_issuer(grantee)
    return None if found is None else found[2]


def is_user(grantee: str) -> bool:
    """Whether ``grantee`` is a user of the registry's own, who must exist to be given anything."""
    return grantee.startswith(USER_PREFIX)


def require_issuer(grantee: str, issuers: Collection[str]) -> None:
    """Refuse people, groups and roles of an issuer that is none of the configured ones. Raises ``RECORD_NOT_FOUND``."""
    issuer = issuer_of(grantee)
    if is_user(grantee):
        return
    if issuer is not None and issuer not in issuers:
        known = ", ".join(sorted(issuers)) or "none"
        raise Problem(errors.RECORD_NOT_FOUND, f"No issuer is called {issuer!r} in the settings; known: {known}.")


def require_grantee(grantee: str) -> None:
    """Refuse what nobody can be called. Raises ``RECORD_NOT_FOUND``."""
    if not is_grantee(grantee):
        detail = (
            "A grantee is a key's id, robot:NAME, user:ISSUER:SUBJECT, group:ISSUER:GROUP, role:ISSUER:ROLE, "
            "trust:NAME, certificate:NAME, public or authenticated."
        )
        raise Problem(errors.RECORD_NOT_FOUND, f"There is no such grantee. {detail}")
