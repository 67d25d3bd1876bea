"""Which pages of other origins may read a bucket's answers: rules, and the rule that fits a request.

Spec: Amazon S3 User Guide, "Using cross-origin resource sharing (CORS)"; Fetch standard section 3.2.
"""

import re
from typing import Final

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem

RULES_LIMIT: Final = 100
"""Rules of one bucket (User Guide, "Elements of a CORS configuration")."""
METHODS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD"})
ANY: Final = "*"

_ID_LIMIT = 255
_VALUES_LIMIT = 100  # of one kind in one rule; Amazon bounds them by the document's 64 KiB only
_WILDCARD = "*"
_MARKER = b"\x01"
# RFC 9110 section 5.6.2. A "*" is a character of a token, so a pattern is one too.
_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}", re.ASCII).fullmatch
_is_origin = re.compile(r"[!-~]{1,2048}", re.ASCII).fullmatch


class CorsRule(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Pages of ``origins`` may send ``methods`` with ``headers``, and read the ``exposed`` headers of the answer.

    Origins and headers may hold one ``*``. Browsers remember it for ``max_age`` seconds.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int | None = None
    id: str = ""


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of another origin asks for: to send ``method`` with ``headers`` (lower case)."""

    origin: str
    method: str
    headers: tuple[str, ...] = ()


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fits; ``for_all`` where it lets every origin in, so that no credentials may come with it."""

    rule: CorsRule
    for_all: bool


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[CorsRule, ...])


def encode_rules(rules: tuple[CorsRule, ...]) -> bytes:
    """The stored form."""
    return _MARKER + _ENCODER.encode(rules)


def decode_rules(data: bytes) -> tuple[CorsRule, ...]:
    """The rules in a stored form. Raises ``STORAGE_FAILED``."""
    try:
        if data[:1] == _MARKER:
            return _DECODER.decode(memoryview(data)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem(errors.STORAGE_FAILED, "The bucket's CORS rules cannot be read.") from error
    raise Problem(errors.STORAGE_FAILED, "The bucket's CORS rules are of an unknown form.")


def check_rules(rules: tuple[CorsRule, ...]) -> None:
    """Raises ``XML_MALFORMED`` for a number of rules or values that cannot be, ``REQUEST_INVALID`` for the values.

    No value can hold a control character, so that none breaks out of its header (CVE-2021-3524).
    """
    if not 1 <= len(rules) <= RULES_LIMIT:
        raise Problem(errors.XML_MALFORMED, f"A configuration has 1 to {RULES_LIMIT} rules.")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: CorsRule) -> None:
    if not rule.origins or not rule.methods:
        raise Problem(errors.XML_MALFORMED, "A rule needs AllowedOrigin and AllowedMethod.")
    if max(map(len, (rule.origins, rule.methods, rule.headers, rule.exposed))) > _VALUES_LIMIT:
        raise Problem(errors.XML_MALFORMED, f"A rule has at most {_VALUES_LIMIT} values of a kind.")
    if len(rule.id) > _ID_LIMIT:
        raise Problem(errors.REQUEST_INVALID, f"The ID of a rule has at most {_ID_LIMIT} characters.")
    for method in rule.methods:
        if method not in METHODS:
            shown = method[:32]
            detail = f"Found unsupported HTTP method in CORS config. Unsupported method is {shown}"
            raise Problem(errors.REQUEST_INVALID, detail)
    for origin in rule.origins:
        _check_value("AllowedOrigin", origin, _is_origin(origin) is not None)
    for header in rule.headers:
        _check_value("AllowedHeader", header, _is_token(header) is not None)
    for header in rule.exposed:
        if "*" in header:
            shown = f'ExposeHeader "{header[:128]}" contains wildcard.'
            raise Problem(errors.REQUEST_INVALID, f"{shown} We currently do not support wildcard for ExposeHeader.")
        # Amazon names the wrong element here, and clients compare the sentence.
        _check_value("AllowedHeader", header, _is_token(header) is not None)


def _check_value(element: str, value: str, is_valid: bool) -> None:  # noqa: FBT001 - the outcome of each one's form
    if not is_valid:
        raise Problem(errors.REQUEST_INVALID, f'{element} "{value[:128]}" contains invalid character.')
    if value.count(_WILDCARD) > 1:
        raise Problem(errors.REQUEST_INVALID, f'{element} "{value[:128]}" can not have more than one wildcard.')


def parse_requested_headers(text: str) -> tuple[str, ...]:
    """The names in ``Access-Control-Request-Headers``, in lower case. Raises ``CORS_REQUEST_INVALID``."""
    if not text:
        return ()
    pieces = text.split(",")
    for piece in pieces:
        if _is_token(piece.strip(" ")) is None:
            detail = f'Access-Control-Request-Headers "{piece[:128]}" contains invalid character.'
            raise Problem(errors.CORS_REQUEST_INVALID, detail)
    if len(pieces) > _VALUES_LIMIT:
        raise Problem(errors.CORS_REQUEST_INVALID, "Access-Control-Request-Headers has too many names.")
    return tuple([piece.strip(" ").lower() for piece in pieces])


def find_allowance(rules: tuple[CorsRule, ...], asked: Crossing) -> Allowance | None:
    """The first rule that lets all of ``asked`` in, or None."""
    for rule in rules:
        origin = next((one for one in rule.origins if _fits(one, asked.origin)), None)
        if origin is None or asked.method not in rule.methods:
            continue
        patterns = [header.lower() for header in rule.headers]
        if all(any(_fits(pattern, header) for pattern in patterns) for header in asked.headers):
            return Allowance(rule=rule, for_all=origin == ANY)
    return None


def _fits(pattern: str, text: str) -> bool:
    """Whether ``text`` is ``pattern``, in which one ``*`` stands for any characters."""
    head, wildcard, tail = pattern.partition(_WILDCARD)
    if not wildcard:
        return text == pattern
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)
