"""The condition operators, as a table: how each reads a value and compares it with those that a policy accepts.

Spec: AWS IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

import base64
import binascii
import ipaddress
import operator as compare
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, TypeVar

import msgspec

from zotplus.domain.iam.patterns import Lookup, Part, Variable, Wildcard, filled, fixed_matches, parts_of, variables_of

T = TypeVar("T")

Match: TypeAlias = Callable[[str, Lookup], bool | None]
"""Whether a value of the request is one of those accepted; None where it cannot be read as the operator's type."""

Prepare: TypeAlias = Callable[[Sequence[str], bool], Match]
"""From the accepted values, and whether they may hold variables. Raises ``ValueError`` for one that cannot be read."""

NUMBER_MAX = 40
"""Characters of a number: more than 64 bits need, few enough for arithmetic in constant time."""

_is_number = re.compile(r"[+-]?\d{1,24}(?:\.\d{1,14})?", re.ASCII).fullmatch
# W3C "Date and Time Formats", the profile of ISO 8601 that AWS names: year, month, day, or with a time and its zone.
_is_date = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
).fullmatch
_is_epoch = re.compile(r"-?\d{5,15}", re.ASCII).fullmatch  # four digits are a year
_ARN_COLONS = 5

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class ValueType(StrEnum):
    """What a condition key's values are, and what an operator compares."""

    STRING = "string"
    NUMERIC = "numeric"
    DATE = "date"
    BOOL = "bool"
    BINARY = "binary"
    IP = "ip"
    ARN = "arn"
    NULL = "null"


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``negated``: holds where nothing accepted matches. ``has_variables``: its values may hold ``${…}``."""

    name: str
    type: ValueType
    summary: str
    prepare: Prepare
    negated: bool = False

    @property
    def has_variables(self) -> bool:
        """Spec: "Variables and tags", where you can use policy variables: in string and ARN operators."""
        return self.type in (ValueType.STRING, ValueType.ARN)


def read_number(text: str) -> Decimal | None:
    """A decimal number; None where ``text`` is none."""
    return Decimal(text) if _is_number(text) else None


def read_date(text: str) -> Decimal | None:
    """Seconds since the epoch, from a date or from that number itself; None where ``text`` is neither."""
    if _is_epoch(text):
        return Decimal(text)
    found = _is_date(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    whole = f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}"
    try:
        moment = datetime.fromisoformat(whole + ("+00:00" if zone in (None, "Z") else zone))
    except ValueError:
        return None
    return Decimal(round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()))


def read_bool(text: str) -> bool | None:
    """True or false in any case of letters; None for anything else."""
    return {"true": True, "false": False}.get(text.lower())


def read_binary(text: str) -> bytes | None:
    """The bytes of base64; None where ``text`` is none."""
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def read_network(text: str) -> Network | None:
    """An address or a network in CIDR notation; None where ``text`` is neither. IPv4 in IPv6 counts as IPv4."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_BITS:
            return ipaddress.ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def read_address(text: str) -> Address | None:
    """An address; None where ``text`` is none. IPv4 in IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


_MAPPED_BITS = 96


def _all_read(accepted: Sequence[str], read: Callable[[str], T | None]) -> tuple[T, ...]:
    found: list[T] = []
    for text in accepted:
        value = read(text)
        if value is None:
            raise ValueError(f"{text[:100]!r} cannot be read")
        found.append(value)
    return tuple(found)


def _same(text: str) -> str:
    return text


def _text_equals(folded: Callable[[str], str]) -> Prepare:
    def prepare(accepted: Sequence[str], has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
        taken = [parts_of(text, variables=has_variables, wildcards=False) for text in accepted]
        if not any(variables_of(parts) for parts in taken):
            plain = frozenset(folded("".join([str(part) for part in parts])) for parts in taken)
            return lambda value, _lookup: folded(value) in plain

        def match(value: str, lookup: Lookup) -> bool:
            wanted = folded(value)
            texts = [filled(parts, lookup) for parts in taken]
            return any(text is not None and folded("".join([str(part) for part in text])) == wanted for text in texts)

        return match

    return prepare


def _text_like(accepted: Sequence[str], has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
    taken = [parts_of(text, variables=has_variables) for text in accepted]

    def match(value: str, lookup: Lookup) -> bool:
        for parts in taken:
            fixed = filled(parts, lookup)
            if fixed is not None and fixed_matches(fixed, value):
                return True
        return False

    return match


def _arn_like(accepted: Sequence[str], has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
    """Each of the six parts between colons on its own, so that a star does not cross them."""
    taken = [_arn_parts(parts_of(text, variables=has_variables)) for text in accepted]

    def match(value: str, lookup: Lookup) -> bool:
        segments = value.split(":", _ARN_COLONS)
        for arn in taken:
            fixed = [filled(parts, lookup) for parts in arn]
            if len(fixed) == len(segments) and all(
                parts is not None and fixed_matches(parts, segment)
                for parts, segment in zip(fixed, segments, strict=True)
            ):
                return True
        return False

    return match


def _arn_parts(parts: Sequence[Part]) -> list[tuple[Part, ...]]:
    arn: list[list[Part]] = [[]]
    for part in parts:
        if isinstance(part, Wildcard | Variable):
            arn[-1].append(part)
            continue
        first, *others = part.split(":", _ARN_COLONS + 1 - len(arn))
        arn[-1].append(first)
        arn += [[other] for other in others]
    return [tuple([part for part in segment if part != ""]) for segment in arn]


def _ordered(read: Callable[[str], Decimal | None], is_so: Callable[[Decimal, Decimal], bool]) -> Prepare:
    def prepare(accepted: Sequence[str], _has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
        limits = _all_read(accepted, read)

        def match(value: str, _lookup: Lookup) -> bool | None:
            found = read(value)
            return None if found is None else any(is_so(found, limit) for limit in limits)

        return match

    return prepare


def _read_equals(read: Callable[[str], object | None]) -> Prepare:
    def prepare(accepted: Sequence[str], _has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
        wanted = _all_read(accepted, read)

        def match(value: str, _lookup: Lookup) -> bool | None:
            found = read(value)
            return None if found is None else found in wanted

        return match

    return prepare


def _within(accepted: Sequence[str], _has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
    networks: tuple[Network, ...] = _all_read(accepted, read_network)

    def match(value: str, _lookup: Lookup) -> bool | None:
        address = read_address(value)
        return None if address is None else any(address in network for network in networks)

    return match


def _is_absent(accepted: Sequence[str], _has_variables: bool) -> Match:  # noqa: FBT001 - the signature of the table
    wanted = _all_read(accepted, read_bool)
    return lambda value, _lookup: (value == "true") in wanted


def _rows() -> list[Operator]:
    rows = [
        *_pair("StringEquals", ValueType.STRING, _text_equals(_same), "The same text."),
        *_pair("StringEqualsIgnoreCase", ValueType.STRING, _text_equals(str.casefold), "The same text in any case."),
        *_pair("StringLike", ValueType.STRING, _text_like, "Text that fits a pattern with `*` and `?`."),
        *_pair("ArnEquals", ValueType.ARN, _arn_like, "An ARN whose six parts fit those of a pattern."),
        *_pair("ArnLike", ValueType.ARN, _arn_like, "The same as `ArnEquals`."),
        *_pair("IpAddress", ValueType.IP, _within, "An address within a network (`192.0.2.0/24`, `2001:db8::/32`)."),
    ]
    for type_, read, noun, less, more in _SCALES:
        prefix = type_.value.capitalize()
        rows += _pair(f"{prefix}Equals", type_, _ordered(read, compare.eq), f"The same {noun}.")
        for suffix, is_so, is_less in _ORDERS:
            summary = f"The same {noun} or {less if is_less else more}." if "Equals" in suffix else ""
            summary = summary or f"A {noun} that is {less if is_less else more}."
            rows.append(Operator(name=prefix + suffix, type=type_, prepare=_ordered(read, is_so), summary=summary))
    return [
        *rows,
        Operator(name="Bool", type=ValueType.BOOL, prepare=_read_equals(read_bool), summary="`true` or `false`."),
        Operator(
            name="BinaryEquals", type=ValueType.BINARY, prepare=_read_equals(read_binary), summary="The same bytes."
        ),
        Operator(
            name="Null", type=ValueType.NULL, prepare=_is_absent, summary="`true`: the key is absent; `false`: present."
        ),
    ]


_SCALES = (
    (ValueType.NUMERIC, read_number, "number", "smaller", "greater"),
    (ValueType.DATE, read_date, "date", "earlier", "later"),
)
_ORDERS = (
    ("LessThan", compare.lt, True),
    ("LessThanEquals", compare.le, True),
    ("GreaterThan", compare.gt, False),
    ("GreaterThanEquals", compare.ge, False),
)


def _pair(name: str, type_: ValueType, prepare: Prepare, summary: str) -> tuple[Operator, Operator]:
    """An operator and its negation, whose name has ``Not`` where Amazon puts it."""
    head, tail = next((name.removesuffix(word), word) for word in _NEGATED if word in name and name.endswith(word))
    opposite = f"{head}Not{tail}"
    return (
        Operator(name=name, type=type_, prepare=prepare, summary=summary),
        Operator(name=opposite, type=type_, prepare=prepare, summary=f"The opposite of `{name}`.", negated=True),
    )


_NEGATED = ("EqualsIgnoreCase", "Equals", "Like", "IpAddress")

OPERATORS: dict[str, Operator] = {row.name: row for row in _rows()}
"""Every operator by its name, without ``IfExists`` and without ``ForAllValues:`` and ``ForAnyValue:``."""
