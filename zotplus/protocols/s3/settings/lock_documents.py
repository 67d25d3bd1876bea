"""The documents of object lock that clients send.

Spec: Amazon S3 API Reference, ObjectLockConfiguration, ObjectLockRetention, ObjectLockLegalHold.
"""

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.iam.refusals import shown
from zotplus.domain.storage.locks import MODES, NO_RETENTION, Retention, check_period, parse_instant
from zotplus.protocols.s3.xml_in import Element, read_fields, read_tree
from zotplus.records.buckets import RetentionRecord

DOCUMENT_LIMIT = 16_384
"""Bytes; the largest that says anything takes a few hundred."""
_DIGITS = 9  # int() sees no more of a client's digits


def read_configuration(document: bytes) -> RetentionRecord | None:
    """The default retention of an ObjectLockConfiguration, None where it names none.

    Raises ``BODY_EMPTY``, ``XML_MALFORMED``, ``ARGUMENT_INVALID`` for a period that is none.
    """
    if not document:
        raise Problem(errors.BODY_EMPTY)
    children = _by_name(read_tree(document, "ObjectLockConfiguration"), "ObjectLockEnabled", "Rule")
    enabled = children.get("ObjectLockEnabled")
    if enabled is None or enabled.text.strip() != "Enabled" or enabled.children:
        raise _malformed(f"ObjectLockEnabled must be Enabled, not {shown(enabled.text if enabled else '')}.")
    rule = children.get("Rule")
    if rule is None:
        return None
    default = _by_name(rule, "DefaultRetention").get("DefaultRetention")
    if default is None:
        raise _malformed("Rule needs a DefaultRetention.")
    return _default_retention(read_fields(default, ("Mode", "Days", "Years")))


def _default_retention(fields: dict[str, str]) -> RetentionRecord:
    days, years = _number(fields.get("Days")), _number(fields.get("Years"))
    mode = _mode(fields)
    check_period(days, years)
    return RetentionRecord(mode=mode, days=days or 0, years=years or 0)


def read_retention(document: bytes) -> Retention:
    """A Retention; one without mode and date takes the retention off. Raises ``XML_MALFORMED``."""
    fields = read_fields(read_tree(document, "Retention"), ("Mode", "RetainUntilDate"))
    if not fields:
        return NO_RETENTION
    until = fields.get("RetainUntilDate", "").strip()
    until_ms = parse_instant(until)
    if until_ms is None:
        raise _malformed(f"RetainUntilDate is a date and time in ISO 8601, not {shown(until)}.")
    return Retention(mode=_mode(fields), until_ms=until_ms)


def read_legal_hold(document: bytes) -> bool:
    """Whether a LegalHold is on. Raises ``XML_MALFORMED``."""
    status = read_fields(read_tree(document, "LegalHold"), ("Status",)).get("Status", "").strip()
    if status not in ("ON", "OFF"):
        raise _malformed(f"Status is ON or OFF, not {shown(status)}.")
    return status == "ON"


def _mode(fields: dict[str, str]) -> str:
    mode = fields.get("Mode", "").strip()
    if mode not in MODES:
        raise _malformed(f"Mode is GOVERNANCE or COMPLIANCE, not {shown(mode)}.")
    return mode


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS):
        raise _malformed(f"Days and Years are numbers, not {shown(text)}.")
    return int(text)


def _by_name(element: Element, *known: str) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for child in element.children:
        if child.name not in known or child.name in found:
            raise _malformed(f"{child.name} does not belong into {element.name}, or not twice.")
        found[child.name] = child
    return found


def _malformed(detail: str) -> Problem:
    return Problem(errors.XML_MALFORMED, detail)
