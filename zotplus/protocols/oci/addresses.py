"""Addresses under ``/v2/``: read by the grammar of the specification, and built anew for the upstream.

What a client wrote is never forwarded as it is. A path is accepted only in its one canonical spelling, so the
repository that was checked is the repository that the upstream sees.
"""

import re
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

import msgspec

from zotplus.domain import errors, names
from zotplus.domain.errors import Problem

ROOT = "/v2/"
PATH_MAX_CHARACTERS = 1_024
"""A name of 255, a digest of 255 and the fixed words fit with room to spare."""

QUERY_MAX_CHARACTERS = 8_192
"""46 tags of 128 characters, the most that Zot takes on one manifest, fit."""

PARAMETERS_MAX = 64

# What the grammar's characters leave: no percent, no backslash, nothing that a proxy or a server could read twice.
_is_plain = re.compile(r"[A-Za-z0-9/._:+=@\-]++").fullmatch
_is_session = re.compile(r"[A-Za-z0-9_.=\-]{1,256}").fullmatch
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Kind(StrEnum):
    """What a path names."""

    PING = "ping"
    CATALOG = "catalog"
    TAGS = "tags"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    REFERRERS = "referrers"


class Address(msgspec.Struct, frozen=True):
    """A path, parsed: ``repository`` where it names one, and ``reference`` (tag, digest or upload session)."""

    kind: Kind
    repository: str = ""
    reference: str = ""

    @property
    def path(self) -> str:
        """The canonical path."""
        match self.kind:
            case Kind.PING:
                return ROOT
            case Kind.CATALOG:
                return "/v2/_catalog"
            case Kind.TAGS:
                return f"/v2/{self.repository}/tags/list"
            case Kind.UPLOADS:
                return f"/v2/{self.repository}/blobs/uploads/"
            case Kind.UPLOAD:
                return f"/v2/{self.repository}/blobs/uploads/{self.reference}"
            case Kind.MANIFEST:
                return f"/v2/{self.repository}/manifests/{self.reference}"
            case Kind.BLOB:
                return f"/v2/{self.repository}/blobs/{self.reference}"
            case Kind.REFERRERS:
                return f"/v2/{self.repository}/referrers/{self.reference}"


Parameters = tuple[tuple[str, str], ...]
"""Query parameters, decoded, in the order received."""


def parse_path(raw_path: str) -> Address:
    """Read a raw path under ``/v2``.

    Raises ``ROUTE_NOT_FOUND`` for what is not in the API (extensions of a registry are closed, all alike),
    ``REPOSITORY_NAME_INVALID`` and ``REFERENCE_INVALID`` for names outside the grammar.
    """
    if raw_path in ("/v2", ROOT):
        return Address(Kind.PING)
    if raw_path == "/v2/_catalog":
        return Address(Kind.CATALOG)
    if len(raw_path) > PATH_MAX_CHARACTERS or not raw_path.startswith(ROOT) or _is_plain(raw_path) is None:
        raise _unknown()
    address = _from_the_right(raw_path[len(ROOT) :].split("/"))
    if address.repository.startswith("_"):
        raise _unknown()
    names.check_repository_name(address.repository)
    return address


def _from_the_right(parts: list[str]) -> Address:
    """The last segments say what the path is, for a name may hold any word of the API."""
    match parts:
        case [*name, "blobs", "uploads", ""] if name:
            return Address(Kind.UPLOADS, "/".join(name))
        case [*name, "blobs", "uploads", session] if name:
            if _is_session(session) is None or session in {".", ".."}:
                raise Problem(errors.UPLOAD_NOT_FOUND, "No upload has such an id.")
            return Address(Kind.UPLOAD, "/".join(name), session)
        case [*name, "tags", "list"] if name:
            return Address(Kind.TAGS, "/".join(name))
        case [*name, "manifests", reference] if name:
            names.check_reference(reference)
            return Address(Kind.MANIFEST, "/".join(name), reference)
        case [*name, "blobs", digest] if name:
            names.check_digest(digest)
            return Address(Kind.BLOB, "/".join(name), digest)
        case [*name, "referrers", digest] if name:
            names.check_digest(digest)
            return Address(Kind.REFERRERS, "/".join(name), digest)
    raise _unknown()


def _unknown() -> Problem:
    return Problem(errors.ROUTE_NOT_FOUND, "The distribution API has no such address.")


def parse_query(raw_query: str, *, limit: int = QUERY_MAX_CHARACTERS) -> Parameters:
    """Read a query: names and values percent-decoded once, ``+`` a space. Raises ``ARGUMENT_INVALID``.

    A semicolon is an ordinary character, as in the registries behind; what two readers split differently would be a way
    around a check.
    """
    if not raw_query:
        return ()
    if len(raw_query) > limit:
        raise Problem(errors.ARGUMENT_INVALID, f"The query has more than {limit} characters.")
    pairs = [pair for pair in raw_query.split("&", PARAMETERS_MAX) if pair]
    if len(pairs) > PARAMETERS_MAX:
        raise Problem(errors.ARGUMENT_INVALID, f"The query has more than {PARAMETERS_MAX} parameters.")
    return tuple((_decoded(name), _decoded(value)) for name, _, value in (pair.partition("=") for pair in pairs))


def build_query(parameters: Parameters) -> str:
    """The parameters as a query with its ``?``, or an empty string."""
    if not parameters:
        return ""
    return "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe=':/')}" for name, value in parameters)


def _decoded(text: str) -> str:
    if _BROKEN_ESCAPE.search(text) is not None:
        raise Problem(errors.ARGUMENT_INVALID, "The query holds a '%' without two hexadecimal digits.")
    try:
        decoded = unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape")).decode()
    except UnicodeError as failure:
        raise Problem(errors.ARGUMENT_INVALID, "The query is not UTF-8.") from failure
    if any(character < " " or character == "\x7f" for character in decoded):
        raise Problem(errors.ARGUMENT_INVALID, "The query holds a control character.")
    return decoded
