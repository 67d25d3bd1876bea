"""Whether a bucket's policy is public, and what is left of it where that is restricted.

Spec: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of public".
"""

import ipaddress
from collections.abc import Sequence

import msgspec

from zotplus.domain.iam.conditions.comparisons import IF_EXISTS, Quantifier, comparison, values_of
from zotplus.domain.iam.language import Effect, Policy, Statement
from zotplus.domain.iam.principal_names import ANONYMOUS, AUTHENTICATED, EVERYBODY, PUBLIC

_OPEN = frozenset({EVERYBODY, PUBLIC})
# Keys whose fixed values say who asks, as Amazon's own list does with the keys that it has. A name that people choose
# themselves, or a header, says nothing.
_IDENTIFYING = frozenset(
    {
        *("aws:principalarn", "aws:principalaccount", "aws:userid"),
        *("zotplus:issuer", "zotplus:subject", "zotplus:groups", "zotplus:roles"),
    }
)
_EXACT = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"})
_ADDRESS = "aws:sourceip"
_WIDEST = {4: 8, 6: 32}
"""Shortest prefixes of networks that are not public. Spec: "broader than /8 for IPv4 and /32 for IPv6"."""


def is_public(policy: Policy) -> bool:
    """Whether any statement lets in whoever comes, or a part of them that is no fixed one."""
    return any(_is_open(statement) for statement in policy.statement)


def restricted(policy: Policy) -> Policy:
    """``policy`` where a bucket that is public must not be: nobody is allowed anything without having logged in.

    Spec: "RestrictPublicBuckets": access is restricted to the account's own principals, unless a policy is not public.
    """
    if not is_public(policy):
        return policy
    statements = tuple(map(_for_the_known, policy.statement))
    return msgspec.structs.replace(policy, statement=statements)


def _for_the_known(statement: Statement) -> Statement:
    if statement.effect is Effect.DENY:
        return statement
    if statement.not_principal:
        return msgspec.structs.replace(statement, not_principal=(*statement.not_principal, ANONYMOUS))
    names = tuple(dict.fromkeys([AUTHENTICATED if name in _OPEN else name for name in statement.principal]))
    return msgspec.structs.replace(statement, principal=names)


def _is_open(statement: Statement) -> bool:
    if statement.effect is Effect.DENY:
        return False
    if not statement.not_principal and _OPEN.isdisjoint(statement.principal):
        return False
    return not any(
        _narrows(operator, key.lower(), values_of(values))
        for operator, keys in statement.condition.items()
        for key, values in keys.items()
    )


def _narrows(name: str, key: str, values: Sequence[str]) -> bool:
    """Whether a condition leaves only fixed callers. One that an absent key fulfils leaves everybody."""
    found = comparison(name)
    if found is None or name.endswith(IF_EXISTS) or found.quantifier is Quantifier.ALL:
        return False
    if key == _ADDRESS:
        return found.operator.name == "IpAddress" and all(map(_is_narrow, values))
    return key in _IDENTIFYING and found.operator.name in _EXACT and all(map(_is_fixed, values))


def _is_fixed(value: str) -> bool:
    return bool(value) and not any(sign in value for sign in ("*", "?", "${"))


def _is_narrow(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.is_private or network.prefixlen >= _WIDEST[network.version]
