"""Claims of a verified token as an identity: who somebody is at their issuer, in which groups and with which roles.

Claims come from outside even when the signature holds: an issuer lets its users choose names. So every value is taken
in one form only, and bounded, before anything else sees it. Whatever is outside refuses the token: leaving a group out
could also leave out the policy that denies something to it.

Spec: RFC 7519, 4 (JWT claims); OpenID Connect Core 1.0, 2 and 5.1 (claims of ID tokens).
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

Claims: TypeAlias = Mapping[str, Any]
"""The claims of a token: values as JSON has them."""

NAMES_MAX = 1_024
"""Groups, or roles, of one token at most. A token of 16 KiB rarely holds more, and Microsoft Entra ID stops at 200."""

NAME_MAX_CHARACTERS = 512
"""Keycloak admits 255 to a group's or role's name; a full path (``/division/team``) has a few of them."""

SUBJECT_MAX_CHARACTERS = 1_024
"""OpenID Connect Core 1.0, 2 says 255, but Kubernetes (a namespace of 63 and an account of 253) and GitHub (owner,
repository, reference) go beyond."""

CLIENT_PLACEHOLDER = "{client}"
"""In a path: the mapping's ``client``, which may hold dots itself."""

PATH_STEPS_MAX = 8
"""Deeper than any known issuer nests roles (Keycloak: 3)."""

_steps = re.compile(r"(?:[^.\\]|\\.)+").findall
_is_path = re.compile(r"(?:[^.\\]|\\.)++(?:\.(?:[^.\\]|\\.)++)*+").fullmatch

Path: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Paths: TypeAlias = Annotated[tuple[Path, ...], msgspec.Meta(max_length=16)]


class ClaimsMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which claims of an issuer's tokens say what."""

    user_name: Paths = ("preferred_username", "sub")
    """Claims with the name that logs and people see; the first that is there counts. It decides nothing, because
    users may choose it: identities are told apart by issuer and subject."""

    groups: Paths = ("groups",)
    """Claims with groups, all of them together. A path leads into objects by dots (``realm_access.roles``); a dot that
    belongs to a name is written ``\\.``. A claim is a list of text or one text."""

    roles: Paths = ("realm_access.roles", "resource_access.{client}.roles")
    """Claims with roles, in the same form. The default is Keycloak's: roles of the realm and those of our client."""

    client: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] = "zotplus"
    """What ``{client}`` in a path stands for: the name of our client at the issuer."""

    def __post_init__(self) -> None:
        for path in (*self.user_name, *self.groups, *self.roles):
            if _is_path(path) is None or len(_steps(path)) > PATH_STEPS_MAX:
                raise ValueError(f"a path is up to {PATH_STEPS_MAX} names with dots between them")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as their issuer knows them.

    ``issuer`` (a URL) and ``subject`` together are the stable identity; ``user_name`` is for people and may change.
    ``groups`` and ``roles`` are the issuer's names, each once, in the order of the token.
    """

    issuer: str
    subject: str
    user_name: str
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def identity(claims: Claims, mapping: ClaimsMapping) -> Identity:
    """Who the holder of a token with ``claims`` is. The token must have been verified before.

    Raises ``TOKEN_INVALID`` whose detail names the claim that cannot be read, never its value.
    """
    subject = _text(claims, "sub", SUBJECT_MAX_CHARACTERS)
    return Identity(
        issuer=_text(claims, "iss", SUBJECT_MAX_CHARACTERS),
        subject=subject,
        user_name=_user_name(claims, mapping) or subject,
        groups=_names(claims, mapping.groups, mapping.client),
        roles=_names(claims, mapping.roles, mapping.client),
    )


@lru_cache(maxsize=1_024)
def _path(text: str, client: str) -> tuple[str, ...]:
    """The names that lead to a claim. There are as many texts as settings name."""
    parts = (re.sub(r"\\(.)", r"\1", step) for step in _steps(text))
    return tuple(client if part == CLIENT_PLACEHOLDER else part for part in parts)


def _at(claims: Claims, path: tuple[str, ...]) -> Any:
    """The value at ``path``; None where there is none, or where something else than an object is on the way."""
    value: Any = claims
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(claims: Claims, name: str, characters: int) -> str:
    value = claims.get(name)
    if not _is_name(value, characters):
        raise _unreadable(name)
    return str(value)


def _user_name(claims: Claims, mapping: ClaimsMapping) -> str:
    for path in mapping.user_name:
        value = _at(claims, _path(path, mapping.client))
        if value is None or value == "":
            continue
        if not _is_name(value, SUBJECT_MAX_CHARACTERS):
            raise _unreadable(path)
        return str(value)
    return ""


def _names(claims: Claims, paths: Iterable[str], client: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in paths:
        value = _at(claims, _path(path, client))
        if value is None:
            continue
        names = value if isinstance(value, list | tuple) else [value]
        if len(names) + len(found) > NAMES_MAX or not all(_is_name(name, NAME_MAX_CHARACTERS) for name in names):
            raise _unreadable(path)
        found.update(dict.fromkeys(names))
    return tuple(found)


def _is_name(value: object, characters: int) -> bool:
    """Whether ``value`` is text that can stand in a line of a log: lone surrogates and line ends are not printable."""
    return isinstance(value, str) and 0 < len(value) <= characters and value.isprintable()


def _unreadable(name: str) -> Problem:
    return Problem(errors.TOKEN_INVALID, f"The token's claim {name} is missing or cannot be read.", claim=name)
