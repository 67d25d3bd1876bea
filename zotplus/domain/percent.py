"""Percent-encoding of paths and queries (RFC 3986 section 2.1), the one place where it is done.

Paths arrive as text in which bytes that are no UTF-8 stand as surrogate escapes (PEP 383); everything else that is no
UTF-8 cannot come from a wire and is refused.
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from zotplus.domain import errors
from zotplus.domain.errors import Problem

# Text that is in its one spelling already: unreserved characters and upper-case escapes of others (a few rare escapes
# are left to the slow way). Possessive quantifiers, so matching is linear and never backtracks.
_ESCAPE = "%(?:2[0-9A-CF]|3[A-F]|40|[0189A-F][0-9A-F])"
_is_normal_path = re.compile(rf"(?:[A-Za-z0-9\-._~/]++|%(?!2F){_ESCAPE[1:]})*+").fullmatch
_is_normal_value = re.compile(rf"(?:[A-Za-z0-9\-._~]++|{_ESCAPE})*+").fullmatch
_find_broken_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search


def wire_bytes(text: str) -> bytes:
    """The bytes that ``text`` had on the wire. Raises ``PATH_INVALID`` for surrogates that stand for no byte."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Problem(errors.PATH_INVALID) from error


def decode(raw: str) -> str:
    """``raw`` percent-decoded exactly once as strict UTF-8; ``+`` stays ``+``.

    Raises ``PATH_INVALID`` for a ``%`` without two hexadecimal digits and for bytes that are not UTF-8 (overlong forms
    and encoded surrogates included).
    """
    if "%" not in raw and raw.isascii():
        return raw
    if _find_broken_escape(raw) is not None:
        raise Problem(errors.PATH_INVALID, "The path holds a '%' that is not followed by two hexadecimal digits.")
    try:
        return unquote_to_bytes(wire_bytes(raw)).decode()
    except UnicodeDecodeError as error:
        raise Problem(errors.PATH_INVALID, "The path is not valid UTF-8.") from error


def encode(text: str, *, keep_slash: bool) -> str:
    """``text`` with everything but RFC 3986's unreserved characters (and ``/`` if kept) as upper-case escapes."""
    return quote_from_bytes(wire_bytes(text), safe="/-_.~" if keep_slash else "-_.~")


def normalize_path(raw_path: str) -> str:
    """The one spelling of a received path: decoded once, then encoded; ``//``, ``.`` and ``..`` are left alone."""
    if _is_normal_path(raw_path) is not None:
        return raw_path
    return quote_from_bytes(unquote_to_bytes(wire_bytes(raw_path)), safe="/-_.~")


def normalize_value(raw_value: str) -> str:
    """The one spelling of a query's name or value: ``+`` means a space there, as in every S3 server and form."""
    if _is_normal_value(raw_value) is not None:
        return raw_value
    return quote_from_bytes(unquote_to_bytes(wire_bytes(raw_value.replace("+", " "))), safe="-_.~")
