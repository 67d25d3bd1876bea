"""The names that ``Principal`` can hold.

Spec: AWS IAM User Guide, "AWS JSON policy elements: Principal". Differences: names are those that grants and the audit
log use; Amazon's ARNs of accounts, users and roles mean nothing here.
"""

import re
from typing import Final

PRINCIPAL_TYPES: Final = ("AWS", "Zotplus")
"""The fields of a ``Principal`` object; both mean the same, the first is for clients that know no other."""

EVERYBODY: Final = "*"
"""Everybody, also who did not log in. Spec: "Principal", all principals."""

PUBLIC: Final = "public"
"""The same, by the name that grants have for it."""

AUTHENTICATED: Final = "authenticated"
"""Everybody who logged in."""

ANONYMOUS: Final = "anonymous"
"""Who did not log in."""

OWN_ISSUER: Final = "iam"
"""What stands in the names of the registry's own users where others have their issuer. No issuer can be called so."""

USER_PREFIX: Final = f"user:{OWN_ISSUER}:"
"""What the names of the registry's own users begin with."""

PREFIXES: Final = ("user:", "group:", "role:", "robot:", "trust:", "certificate:")
"""What names of everybody else than keys begin with."""

_NAME_MAX = 2_048  # a user's name: an issuer's of 64 and a subject of 1,024 characters, with room
_is_key_id = re.compile(r"[A-Za-z0-9_.-]{3,128}", re.ASCII).fullmatch


def wrong_with(name: str) -> str:
    """What is wrong with a name of ``Principal``; empty if nothing is."""
    if name == EVERYBODY:
        return ""
    if name.startswith("arn:"):
        return "Amazon's ARNs mean nobody here; use a name like 'user:<issuer>:<subject>', 'group:<issuer>:<group>'"
    if "*" in name:
        return "names have no wildcards; use '*' alone, and a condition such as StringLike on 'zotplus:subject'"
    if len(name) > _NAME_MAX or not name.isprintable():
        return "it is too long, or not printable"
    if name.startswith(PREFIXES):
        return "" if name.partition(":")[2] else "the name ends at its colon"
    if _is_key_id(name) is None:
        return f"a name is the id of an access key, or begins with one of {', '.join(PREFIXES)}"
    return ""
