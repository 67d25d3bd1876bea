"""Trust in workloads that other issuers vouch for: which claims a token must carry, and how they are compared.

A trust lets a job of a CI system or a pod in without a stored secret. Two rules come from what went wrong elsewhere:
names can be re-registered by somebody else, so an issuer that numbers its accounts must be matched by numbers; and the
beginning of a subject says nothing about its end, so a subject is matched whole.

Spec: RFC 7519, 4 (claims); GitHub Docs, "OpenID Connect reference"; GitLab Docs, "OpenID Connect (OIDC) authentication
using ID tokens"; Kubernetes, "Managing Service Accounts".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zotplus.domain import errors
from zotplus.domain.claims import PATH_STEPS_MAX, Claims
from zotplus.domain.errors import Problem
from zotplus.domain.iam.patterns import matches

CONDITIONS_MAX = 32
PATTERNS_MAX = 64
"""Patterns of one claim at most."""
PATTERN_MAX_CHARACTERS = 512
PATH_MAX_CHARACTERS = 256
AUDIENCE_MAX_CHARACTERS = 512
DESCRIPTION_MAX_CHARACTERS = 1_000
FOUND_MAX_CHARACTERS = 200
"""Of a claim's value, in an explanation."""

LIFETIME_MIN, LIFETIME_MAX = 900, 43_200
"""Seconds. Spec: AWS STS API, AssumeRoleWithWebIdentity, ``DurationSeconds`` (and 12 hours, the longest session)."""
LIFETIME = 3_600

GITHUB_HOST = "token.actions.githubusercontent.com"
GITHUB_ENTERPRISE_PATH = "/_services/token"
"""GitHub Docs (Enterprise Server), "OpenID Connect reference": the issuer is ``https://HOSTNAME/_services/token``."""

# What a token of these systems is recognised by where the issuer's address does not tell: the names that could be
# registered anew, and the numbers that could not.
_GITHUB_NAMES = frozenset({"repository", "repository_owner", "job_workflow_ref", "workflow_ref"})
_GITHUB_NUMBERS = ("repository_id", "repository_owner_id")
_GITLAB_NAMES = frozenset({"project_path", "namespace_path", "ci_config_ref_uri"})
_GITLAB_NUMBERS = ("project_id", "namespace_id")

# Claims about the token itself, which say nothing of whoever holds it.
_OF_THE_TOKEN = frozenset({"aud", "iss", "exp", "iat", "nbf", "jti", "typ"})
# Claims that say when, how or through which client something runs, and that anybody's job can have.
_OF_THE_RUN = frozenset({
    "ref", "ref_type", "ref_path", "ref_protected", "base_ref", "head_ref", "sha", "event_name", "environment",
    "environment_protected", "workflow", "workflow_sha", "job_workflow_sha", "run_id", "run_number", "run_attempt",
    "runner_environment", "runner_id", "repository_visibility", "project_visibility", "pipeline_source", "pipeline_id",
    "job_id", "deployment_tier", "deployment_action", "ci_config_sha", "acr", "scope", "email_verified", "azp",
})  # fmt: skip

_is_name = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}").fullmatch
_is_number = re.compile(r"[0-9]{1,20}").fullmatch
_WILDCARDS = frozenset("*?")
_RESERVED = frozenset({"self"})
"""Instead of a trust's name this word asks for the rights of the person or workload itself."""


class TrustTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a trust asks of a token.

    ``issuer`` is the issuer's name in the settings. ``audience`` must be among the token's. ``claims`` are paths
    (dots lead into objects) with the patterns of which one must match: ``*`` stands for any run of characters and
    ``?`` for one. ``lifetime`` is in seconds. ``reuse`` lets the same token in more than once.
    """

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, tuple[str, ...]]
    lifetime: int = LIFETIME
    reuse: bool = False
    description: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of a trust, tried on a token: what was wanted, what was ``found`` (None: the claim is absent)."""

    claim: str
    wanted: tuple[str, ...]
    found: str | None
    holds: bool


def is_trust_name(text: str) -> bool:
    """Whether ``text`` could be a trust's name."""
    return _is_name(text) is not None and text not in _RESERVED


def check_terms(terms: TrustTerms, issuer_url: str) -> None:
    """Refuse a trust that lets in more than its author can mean; ``issuer_url`` is the issuer's address.

    Raises ``ARGUMENT_INVALID`` whose ``argument`` names the field.
    """
    if not is_trust_name(terms.name):
        form = "up to 128 lower-case letters, digits, dots, hyphens and underscores, and not 'self'"
        raise _refused("name", f"A trust's name has {form}.")
    if not LIFETIME_MIN <= terms.lifetime <= LIFETIME_MAX:
        raise _refused("lifetime", f"A lifetime has {LIFETIME_MIN} to {LIFETIME_MAX} seconds.")
    if len(terms.description) > DESCRIPTION_MAX_CHARACTERS:
        raise _refused("description", f"A description has at most {DESCRIPTION_MAX_CHARACTERS} characters.")
    if not _is_line(terms.audience, AUDIENCE_MAX_CHARACTERS) or not _WILDCARDS.isdisjoint(terms.audience):
        raise _refused("audience", "A trust names one audience exactly: a token for another service must not pass.")
    if not 0 < len(terms.claims) <= CONDITIONS_MAX:
        raise _refused("claims", f"A trust has 1 to {CONDITIONS_MAX} conditions on claims.")
    for claim, patterns in terms.claims.items():
        _check_condition(claim, patterns)
    _check_workload(terms.claims, issuer_url)


def conditions(terms: TrustTerms, claims: Claims) -> tuple[Condition, ...]:
    """Every condition of ``terms`` tried on ``claims``, the audience first. The issuer is the caller's to compare."""
    audiences = _texts(claims.get("aud"))
    wanted = (terms.audience,)
    found = ", ".join(audiences)[:FOUND_MAX_CHARACTERS] if audiences else None
    audience = Condition(claim="aud", wanted=wanted, found=found, holds=terms.audience in audiences)
    return (audience, *(_condition(claim, patterns, claims) for claim, patterns in terms.claims.items()))


def accepts(terms: TrustTerms, claims: Claims) -> bool:
    """Whether all conditions of ``terms`` hold for ``claims``."""
    return all(condition.holds for condition in conditions(terms, claims))


def is_github(issuer_url: str) -> bool:
    """Whether the issuer is GitHub Actions, by its address."""
    parts = urlsplit(issuer_url)
    return parts.hostname == GITHUB_HOST or parts.path.startswith(GITHUB_ENTERPRISE_PATH)


def _check_condition(claim: str, patterns: tuple[str, ...]) -> None:
    if not _is_line(claim, PATH_MAX_CHARACTERS) or not all(claim.split(".")) or claim.count(".") >= PATH_STEPS_MAX:
        raise _refused("claims", f"A claim is up to {PATH_STEPS_MAX} names with dots between them, not {claim!r:.200}.")
    if claim in _OF_THE_TOKEN:
        raise _refused("claims", f"{claim} tells nothing about a workload; issuer and audience have their own fields.")
    if not 0 < len(patterns) <= PATTERNS_MAX:
        raise _refused("claims", f"{claim} has 1 to {PATTERNS_MAX} patterns.")
    for pattern in patterns:
        if not _is_line(pattern, PATTERN_MAX_CHARACTERS):
            raise _refused("claims", f"A pattern of {claim} has 1 to {PATTERN_MAX_CHARACTERS} printable characters.")
        if _WILDCARDS.issuperset(pattern):
            raise _refused("claims", f"The pattern {pattern!r} of {claim} matches everything; leave the claim out.")
        if claim == "sub" and not _is_exact(pattern):
            reason = "whoever may choose how it goes on could be anybody"
            raise _refused("claims", f"sub is compared whole, without * and ?: {reason}. Match other claims beside it.")


def _check_workload(claims: Mapping[str, tuple[str, ...]], issuer_url: str) -> None:
    """Somebody in particular must be meant, and by a number where the issuer gives numbers."""
    subjects = claims.get("sub", ())
    if is_github(issuer_url) or _says(claims, subjects, _GITHUB_NAMES, "repo:"):
        _require_number(claims, _GITHUB_NUMBERS)
    elif _says(claims, subjects, _GITLAB_NAMES, "project_path:"):
        _require_number(claims, _GITLAB_NUMBERS)
    telling = (claim for claim in claims if claim not in _OF_THE_RUN)
    if not any(all(map(_is_exact, claims[claim])) for claim in telling):
        reason = "at least one claim must say exactly whose workload it is, such as sub or repository_id"
        raise _refused("claims", f"These conditions hold for anybody at the issuer: {reason}.")


def _says(claims: Iterable[str], subjects: Iterable[str], names: frozenset[str], opening: str) -> bool:
    return not names.isdisjoint(claims) or any(subject.startswith(opening) for subject in subjects)


def _require_number(claims: Mapping[str, tuple[str, ...]], wanted: tuple[str, ...]) -> None:
    given = [claim for claim in wanted if claim in claims]
    for claim in given:
        if not all(_is_number(pattern) for pattern in claims[claim]):
            raise _refused("claims", f"{claim} is a number: digits, without * and ?.")
    if not given:
        reason = "a name can be registered by somebody else once its owner gives it up"
        raise _refused("claims", f"Conditions on names need {' or '.join(wanted)} beside them: {reason}.")


def _condition(claim: str, patterns: tuple[str, ...], claims: Claims) -> Condition:
    found = list(_at(claims, tuple(claim.split("."))))
    if len(found) != 1:  # none, or a path that can be read in two ways: an issuer's users may choose names
        return Condition(claim=claim, wanted=patterns, found=None, holds=False)
    texts = _texts(found[0])
    holds = any(_fits(pattern, text) for pattern in patterns for text in texts)
    shown = ", ".join(texts)[:FOUND_MAX_CHARACTERS] if texts else None
    return Condition(claim=claim, wanted=patterns, found=shown, holds=holds)


def _at(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    """Every value that ``steps`` can lead to: a name may hold dots itself (``kubernetes.io``)."""
    if not steps:
        if value is not None:
            yield value
        return
    if isinstance(value, Mapping):
        for taken in range(1, len(steps) + 1):
            name = ".".join(steps[:taken])
            if name in value:
                yield from _at(value[name], steps[taken:])


def _texts(value: Any) -> list[str]:
    """A claim's values as text: numbers and booleans as JSON has them, a list as its members; objects have none."""
    members = value if isinstance(value, list | tuple) else [value]
    return [
        member if isinstance(member, str) else json.dumps(member)
        for member in members
        if isinstance(member, str | bool | int | float)
    ]


def _fits(pattern: str, text: str) -> bool:
    return pattern == text if _is_exact(pattern) else matches(pattern, text)


def _is_exact(pattern: str) -> bool:
    return _WILDCARDS.isdisjoint(pattern)


def _is_line(text: str, characters: int) -> bool:
    return 0 < len(text) <= characters and text.isprintable()


def _refused(argument: str, detail: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, detail, argument=argument)
