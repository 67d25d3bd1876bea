"""Reads a LifecycleConfiguration: strictly, element by element, so that no part of a rule is passed over.

Spec: Amazon S3 API Reference, PutBucketLifecycleConfiguration, LifecycleRule, LifecycleRuleFilter.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.refusals import shown
from zotplus.domain.storage.lifecycle.rules import (
    Filter,
    NoncurrentExpiration,
    NoncurrentTransition,
    Rule,
    RuleSet,
    Transition,
    When,
)
from zotplus.protocols.s3.request import argument_invalid
from zotplus.protocols.s3.xml_in import Element, read_fields, read_tree

T = TypeVar("T")

_DIGITS = 19  # of the largest Long
_LARGEST_INTEGER = 0x7FFFFFFF
_DATE_CHARACTERS = 40
_ONCE = frozenset(
    {"ID", "Status", "Prefix", "Filter", "Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"}
)
_MANY = frozenset({"Transition", "NoncurrentVersionTransition"})
_SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
_NEWER = "NewerNoncurrentVersions"


def read_rules(document: bytes, minimum: str) -> RuleSet:
    """The rules of a LifecycleConfiguration, not yet checked; a rule without an id gets one.

    ``minimum`` is the header ``x-amz-transition-default-minimum-object-size``. Raises ``XML_MALFORMED``, and
    ``ARGUMENT_INVALID`` for a count that is 0.
    """
    root = read_tree(document, "LifecycleConfiguration")
    return RuleSet(rules=tuple([_rule(child) for child in root.children]), minimum=minimum)


def _rule(element: Element) -> Rule:
    if element.name != "Rule":
        raise _misplaced(element, "LifecycleConfiguration")
    once: dict[str, Element] = {}
    many: dict[str, list[Element]] = {name: [] for name in _MANY}
    for child in element.children:
        if child.name in _MANY:
            many[child.name].append(child)
        elif child.name in _ONCE and child.name not in once:
            once[child.name] = child
        else:
            raise _misplaced(child, "Rule")
    status = _text(once.get("Status"))
    if status not in ("Enabled", "Disabled"):
        raise _malformed(f"Status is Enabled or Disabled, not {shown(status)}.")
    expiration, expires_markers = _expiration(once.get("Expiration"))
    return Rule(
        id=_text(once.get("ID")) or str(uuid.uuid4()),
        is_enabled=status == "Enabled",
        filter=_filter(once),
        expiration=expiration,
        expires_markers=expires_markers,
        transitions=tuple(map(_transition, many["Transition"])),
        noncurrent_expiration=_of(once.get("NoncurrentVersionExpiration"), _noncurrent_expiration),
        noncurrent_transitions=tuple(map(_noncurrent_transition, many["NoncurrentVersionTransition"])),
        abort_days=_of(once.get("AbortIncompleteMultipartUpload"), _abort_days),
    )


def _filter(once: dict[str, Element]) -> Filter:
    wanted, prefix = once.get("Filter"), once.get("Prefix")
    if (wanted is None) is (prefix is None):
        raise _malformed("A rule has a Filter or a Prefix, and not both.")
    if wanted is None:
        return Filter(prefix=_leaf(prefix), is_plain=True)
    if len(wanted.children) > 1:
        raise _malformed("Several conditions of a Filter stand in And.")
    if wanted.children and wanted.children[0].name == "And":
        return _conditions(wanted.children[0], is_and=True)
    return _conditions(wanted, is_and=False)


def _conditions(element: Element, *, is_and: bool) -> Filter:
    fields: dict[str, str] = {}
    tags: list[tuple[str, str]] = []
    for child in element.children:
        if child.name == "Tag":
            tags.append(_tag(child))
        elif child.name in ("Prefix", *_SIZES) and child.name not in fields:
            fields[child.name] = _leaf(child)
        else:
            raise _misplaced(child, element.name)
    sizes = [_whole(name, fields[name], 10**_DIGITS) if name in fields else None for name in _SIZES]
    return Filter(
        prefix=fields.get("Prefix"),
        tags=tuple(tags),
        larger_than=sizes[0],
        smaller_than=sizes[1],
        is_and=is_and,
    )


def _tag(element: Element) -> tuple[str, str]:
    fields = read_fields(element, {"Key", "Value"})
    if "Key" not in fields or "Value" not in fields:
        raise _malformed("A Tag has Key and Value.")
    return fields["Key"], fields["Value"]


def _expiration(element: Element | None) -> tuple[When | None, bool | None]:
    if element is None:
        return None, None
    fields = read_fields(element, {"Days", "Date", "ExpiredObjectDeleteMarker"})
    markers = fields.pop("ExpiredObjectDeleteMarker", None)
    if markers is None:
        return _when(fields), None
    if markers.strip() not in ("true", "false"):
        raise _malformed(f"ExpiredObjectDeleteMarker is true or false, not {shown(markers.strip())}.")
    return (_when(fields) if fields else None), markers.strip() == "true"


def _when(fields: dict[str, str]) -> When:
    days, date = fields.get("Days"), fields.get("Date")
    return When(days=None if days is None else _whole("Days", days), date=None if date is None else _date(date))


def _transition(element: Element) -> Transition:
    fields = read_fields(element, {"Days", "Date", "StorageClass"})
    return Transition(when=_when(fields), storage_class=_required(fields, "StorageClass", element).strip())


def _noncurrent_expiration(element: Element) -> NoncurrentExpiration:
    fields = read_fields(element, {"NoncurrentDays", _NEWER})
    days = _whole("NoncurrentDays", _required(fields, "NoncurrentDays", element))
    return NoncurrentExpiration(days=days, newer=_newer(fields))


def _noncurrent_transition(element: Element) -> NoncurrentTransition:
    fields = read_fields(element, {"NoncurrentDays", _NEWER, "StorageClass"})
    return NoncurrentTransition(
        days=_whole("NoncurrentDays", _required(fields, "NoncurrentDays", element)),
        storage_class=_required(fields, "StorageClass", element).strip(),
        newer=_newer(fields),
    )


def _newer(fields: dict[str, str]) -> int:
    """0 stands for no such element, so it is refused here when a client sends it."""
    if _NEWER not in fields:
        return 0
    found = _whole(_NEWER, fields[_NEWER])
    if found == 0:
        raise argument_invalid(_NEWER, "0", f"'{_NEWER}' must be a positive integer")
    return found


def _abort_days(element: Element) -> int:
    fields = read_fields(element, {"DaysAfterInitiation"})
    return _whole("DaysAfterInitiation", _required(fields, "DaysAfterInitiation", element))


def _of(element: Element | None, read: Callable[[Element], T]) -> T | None:
    return None if element is None else read(element)


def _required(fields: dict[str, str], name: str, element: Element) -> str:
    if name not in fields:
        raise _malformed(f"{element.name} needs {name}.")
    return fields[name]


def _text(element: Element | None) -> str:
    return "" if element is None else _leaf(element).strip()


def _leaf(element: Element | None) -> str:
    if element is None or element.children:
        raise _malformed("An element that holds text holds others.")
    return element.text


def _whole(name: str, text: str, limit: int = _LARGEST_INTEGER) -> int:
    digits = text.strip().removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS and int(digits) <= limit:
        return int(text)
    raise _malformed(f"{name} is a whole number, not {shown(text.strip())}.")


def _date(text: str) -> int:
    """Seconds since the epoch of an ISO 8601 date, in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text.strip()[:_DATE_CHARACTERS])
        exact = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise _malformed(f"Date is a date of ISO 8601, not {shown(text.strip())}.") from error
    if exact < 0:
        raise _malformed(f"Date is a date after 1970, not {shown(text.strip())}.")
    return int(exact) if exact == int(exact) else 1  # what is within a second is no midnight, nor is 1


def _malformed(detail: str) -> Problem:
    return Problem(errors.XML_MALFORMED, detail)


def _misplaced(element: Element, parent: str) -> Problem:
    return _malformed(f"{element.name} does not belong into {parent}, or not twice.")
