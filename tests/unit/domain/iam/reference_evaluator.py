"""A second evaluator, written from Amazon's text as literally as possible: nothing is prepared, nothing remembered.

Spec: AWS IAM User Guide, "Policy evaluation logic", "Condition operators", "Variables and tags".
"""

import ipaddress
from datetime import datetime
from fractions import Fraction

from zotplus.domain.iam import VERSION, Effect, Need

OF_BUCKET_POLICIES = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")


def decide(who, need, known, *, resource, **layers):
    """``yes``, ``no`` or ``denied``; ``who`` is the caller's own name and those of its groups.

    A policy of a bucket cannot take itself from whoever may write every policy.
    """
    answer = decide_by_all(who, need, known, resource=resource, **layers)
    if answer == "yes" or need.action not in OF_BUCKET_POLICIES:
        return answer
    every = Need("admin:PutPolicy", f"admin:policies/bucket:{need.resource.removeprefix('s3:')}")
    if decide_by_all(who, every, known, resource=resource, **layers) != "yes":
        return answer
    return decide_by_all(who, need, known, resource=[policy for policy in resource if not policy.scope], **layers)


def decide_by_all(who, need, known, *, identity, resource, boundary=None, session=None):
    mine = [(p, s) for p in resource for s in p.statement if means(s, {*who, "*", "public", "authenticated"})]
    itself = [(p, s) for p, s in mine if who[0] in s.principal]
    own = [(p, s) for p in identity for s in p.statement]
    limits = [[(p, s) for p in layer for s in p.statement] for layer in (boundary, session) if layer is not None]
    everything = [*own, *mine, *[row for limit in limits for row in limit]]
    if any(applies(p, s, need, known) for p, s in everything if s.effect is Effect.DENY):
        return "denied"

    def allows(rows):
        return any(applies(p, s, need, known) for p, s in rows if s.effect is Effect.ALLOW)

    if session is not None and not allows([(p, s) for p in session for s in p.statement]):
        return "no"
    if allows(itself):
        return "yes"
    if boundary is not None and not (boundary and all(allows([(p, s) for s in p.statement]) for p in boundary)):
        return "no"
    return "yes" if allows([*own, *mine]) else "no"


def means(statement, names):
    if statement.not_principal:
        return not names & set(statement.not_principal)
    return bool(names & set(statement.principal))


def applies(policy, statement, need, known):
    if policy.scope and need.resource != policy.scope and not need.resource.startswith(policy.scope + "/"):
        return False
    action = need.action.lower()
    named = any(glob(fill(pattern.lower(), {}, False), action) for pattern in statement.action or statement.not_action)
    if named is bool(statement.not_action):
        return False
    has_variables = policy.version == VERSION
    patterns = [fill(text, known, has_variables) for text in statement.resource or statement.not_resource]
    if statement.not_resource and None in patterns and statement.effect is Effect.ALLOW:
        return False
    covered = any(pattern is not None and glob(pattern, need.resource) for pattern in patterns)
    if covered is bool(statement.not_resource):
        return False
    return all(
        holds(
            operator,
            key,
            [accepted] if isinstance(accepted, str) else accepted,
            known,
            denies=statement.effect is Effect.DENY,
            has_variables=has_variables,
        )
        for operator, keys in statement.condition.items()
        for key, accepted in keys.items()
    )


def fill(text, known, has_variables, *, wildcards=True):
    """Characters, of which ``("*",)`` and ``("?",)`` are wildcards; None where a variable has no value."""
    found, at = [], 0
    while at < len(text):
        if has_variables and text.startswith("${", at):
            end = text.index("}", at)
            value = variable(text[at + 2 : end], known)
            if value is None:
                return None
            found += value
            at = end + 1
            continue
        found.append((text[at],) if wildcards and text[at] in "*?" else text[at])
        at += 1
    return found


def variable(name, known):
    if name in ("*", "?", "$"):
        return name
    key, _, default = name.partition(", ")
    values = known.get(key.lower())
    if values is not None and len(values) == 1:
        return values[0]
    return default.strip("'") or None


def glob(pattern, text):
    reachable = {0}
    for part in pattern:
        if part == ("*",):
            reachable = set(range(min(reachable), len(text) + 1)) if reachable else set()
        else:
            reachable = {at + 1 for at in reachable if at < len(text) and part in (("?",), text[at])}
    return len(text) in reachable


def holds(operator, key, accepted, known, *, denies, has_variables):
    quantifier, _, name = operator.rpartition(":")
    values = known.get(key.lower())
    if name == "Null":
        return str(not values).lower() in accepted
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    if not values:
        return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
    results = []
    for value in values:
        matched = compare(name.replace("Not", ""), value, accepted, known, has_variables)
        if matched is None:  # cannot be read: never a reason to allow
            results.append(denies)
        else:
            results.append(matched is not negated)
    if quantifier:
        return any(results) if quantifier == "ForAnyValue" else all(results)
    return all(results) if negated else any(results)


def compare(name, value, accepted, known, has_variables):
    if name.startswith("String"):
        patterns = [fill(text, known, has_variables, wildcards=name == "StringLike") for text in accepted]
        if name == "StringLike":
            return any(pattern is not None and glob(pattern, value) for pattern in patterns)
        texts = ["".join(pattern) for pattern in patterns if pattern is not None]
        if name.endswith("IgnoreCase"):
            return value.lower() in [text.lower() for text in texts]
        return value in texts
    if name == "Bool":
        return None if value not in ("true", "false") else value in accepted
    if name == "IpAddress":
        try:
            return any(ipaddress.ip_address(value) in ipaddress.ip_network(text) for text in accepted)
        except ValueError:
            return None
    read = Fraction if name.startswith("Numeric") else datetime.fromisoformat
    try:
        found = read(value)
    except ValueError:
        return None
    order = name.removeprefix("Numeric").removeprefix("Date")
    return any(ORDERS[order](found, read(text)) for text in accepted)


ORDERS = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}
