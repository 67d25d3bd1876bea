"""What lifecycle rules must and must not say, refused in Amazon's words.

Spec: Amazon S3 API Reference, PutBucketLifecycleConfiguration, LifecycleRule and what that holds; S3 User Guide,
"Lifecycle configuration elements" and "Transitioning objects".
"""

from collections.abc import Sequence
from itertools import pairwise

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.rules import (
    ALL_CLASSES_128K,
    VARIES_BY_CLASS,
    Filter,
    NoncurrentTransition,
    Rule,
    RuleSet,
    Transition,
    When,
)
from zotplus.domain.storage.tags import OBJECT_TAGS, check_tags

RULES_LIMIT = 1_000
"""S3 User Guide, "Lifecycle configuration elements"."""
ID_LIMIT = 255
"""Characters of a rule's id (the same)."""
NEWER_LIMIT = 100
"""Noncurrent versions that a rule may keep (the same)."""
PREFIX_LIMIT = 1_024
"""Bytes, as of a key."""
SIZE_LIMIT = 5 * 1024**4
"""Bytes that a rule may speak of: as many as an object can have, 5 TiB (User Guide, "Adding filters")."""

_DAY = 86_400
_ECHO = 128
# These two cost more for less than 30 days (User Guide, "Transitioning objects", constraints).
_LATE_CLASSES = frozenset({"STANDARD_IA", "ONEZONE_IA"})
_LATE_DAYS = 30


def check_rules(rules: RuleSet, classes: Sequence[str]) -> None:
    """Refuse what makes no sense. ``classes`` are the storage classes that have a store of their own, warmest first.

    Raises ``XML_MALFORMED``, ``ARGUMENT_INVALID``, ``REQUEST_INVALID``, ``OPERATION_UNKNOWN`` (class without
    store), ``TAG_INVALID``, ``TAGS_TOO_MANY``.
    """
    if rules.minimum not in (ALL_CLASSES_128K, VARIES_BY_CLASS):
        raise _argument("x-amz-transition-default-minimum-object-size", rules.minimum, "The value is not known.")
    if not 1 <= len(rules.rules) <= RULES_LIMIT:
        raise Problem(errors.XML_MALFORMED, f"A lifecycle configuration has 1 to {RULES_LIMIT} rules.")
    seen: set[str] = set()
    for rule in rules.rules:
        if len(rule.id) > ID_LIMIT:
            raise _argument("ID", rule.id, f"ID length should not exceed allowed limit of {ID_LIMIT}")
        if rule.id in seen:
            raise _argument("ID", rule.id, "Rule ID must be unique. Found same ID for more than one rule")
        seen.add(rule.id)
        _check_rule(rule, classes)


def _check_rule(rule: Rule, classes: Sequence[str]) -> None:
    _check_filter(rule.filter)
    if not rule.concerns_versions and rule.abort_days is None:
        raise Problem(errors.REQUEST_INVALID, "At least one action needs to be specified in a rule")
    _check_whole_objects(rule)
    _check_expirations(rule)
    current = {one.storage_class for one in rule.transitions}
    for name in sorted(current | {one.storage_class for one in rule.noncurrent_transitions}):
        if name not in classes:
            detail = "has no store of its own on this server (storage_classes), so nothing can move there."
            raise Problem(errors.OPERATION_UNKNOWN, f"The storage class {name[:_ECHO]} {detail}")
    _check_transitions(rule, classes)
    _check_noncurrent_transitions(rule, classes)


def _check_filter(wanted: Filter) -> None:
    if len((wanted.prefix or "").encode()) > PREFIX_LIMIT:
        raise Problem(errors.REQUEST_INVALID, f"The maximum size of a prefix is {PREFIX_LIMIT}.")
    if len({name for name, _ in wanted.tags}) < len(wanted.tags):
        raise Problem(errors.REQUEST_INVALID, "Duplicate Tag Keys are not allowed.")
    check_tags(wanted.tags, limit=OBJECT_TAGS)
    low, high = wanted.larger_than, wanted.smaller_than
    if (low is not None and not 0 <= low <= SIZE_LIMIT) or (high is not None and not 1 <= high <= SIZE_LIMIT):
        raise Problem(errors.REQUEST_INVALID, f"An object size in a filter is 1 to {SIZE_LIMIT} bytes.")
    if low is not None and high is not None and low >= high:
        raise Problem(
            errors.REQUEST_INVALID, "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'"
        )


def _check_whole_objects(rule: Rule) -> None:
    """Actions on what has neither tags nor a size."""
    for action, is_asked in (
        ("ExpiredObjectDeleteMarker", rule.expires_markers is not None),
        ("AbortIncompleteMultipartUpload", rule.abort_days is not None),
    ):
        if is_asked and rule.filter.tags:
            raise Problem(errors.REQUEST_INVALID, f"{action} cannot be specified with Tags.")
        if is_asked and rule.filter.has_size:
            raise Problem(errors.REQUEST_INVALID, f"{action} cannot be specified with Object Size.")


def _check_expirations(rule: Rule) -> None:
    if rule.expiration is not None:
        if rule.expires_markers is not None:
            raise Problem(errors.XML_MALFORMED, "ExpiredObjectDeleteMarker stands without Days and Date.")
        _check_when(rule.expiration, "Expiration")
    noncurrent = rule.noncurrent_expiration
    if noncurrent is not None:
        if noncurrent.days < 1:
            raise _not_positive("NoncurrentDays", "NoncurrentVersionExpiration", noncurrent.days)
        _check_newer(rule, noncurrent.newer, "NoncurrentVersionExpiration")
    if rule.abort_days is not None and rule.abort_days < 1:
        raise _not_positive("DaysAfterInitiation", "AbortIncompleteMultipartUpload", rule.abort_days)


def _check_when(when: When, action: str) -> None:
    if (when.days is None) is (when.date is None):
        raise Problem(errors.XML_MALFORMED, f"{action} takes Days or Date.")
    if when.date is not None and when.date % _DAY:
        raise _argument("Date", str(when.date), "'Date' must be at midnight GMT")
    if when.days is None:
        return
    if action == "Expiration" and when.days < 1:
        raise _not_positive("Days", action, when.days)
    if when.days < 0:
        raise _argument("Days", str(when.days), f"'Days' in {action} action must be nonnegative")


def _check_newer(rule: Rule, newer: int, action: str) -> None:
    if newer == 0:
        return
    if not 1 <= newer <= NEWER_LIMIT:
        detail = f"'NewerNoncurrentVersions' for {action} action must be a positive integer of at most {NEWER_LIMIT}"
        raise _argument("NewerNoncurrentVersions", str(newer), detail)
    if rule.filter.is_plain:
        raise Problem(errors.REQUEST_INVALID, "'NewerNoncurrentVersions' requires a Filter element.")


def _check_transitions(rule: Rule, classes: Sequence[str]) -> None:
    for one in rule.transitions:
        _check_when(one.when, "Transition")
        _check_late("Days", one.when.days, ("Transition", one.storage_class))
    _check_different([one.storage_class for one in rule.transitions], "Transition", rule)
    units = {one.when.days is None for one in rule.transitions}
    if len(units) > 1:
        raise _mixed("Transition", rule)
    if rule.expiration is not None:
        units.add(rule.expiration.days is None)
        if len(units) > 1:
            raise _mixed("Expiration and Transition", rule)
    moments = {one.storage_class: _moment(one) for one in rule.transitions}
    _check_order(moments, classes, ("Days" if units == {False} else "Date", "Transition"), rule)
    end = rule.expiration
    if end is not None and moments and max(moments.values()) >= (end.days or end.date or 0):
        unit = "Days" if end.days is not None else "Date"
        raise _argument(
            unit,
            str(end.days or end.date),
            f"'{unit}' in the Expiration action for filter '{describe(rule.filter)}' must be greater than '{unit}' "
            "in the Transition action",
        )


def _moment(one: Transition) -> int:
    return one.when.days if one.when.days is not None else one.when.date or 0


def _check_noncurrent_transitions(rule: Rule, classes: Sequence[str]) -> None:
    found: dict[str, NoncurrentTransition] = {one.storage_class: one for one in rule.noncurrent_transitions}
    _check_different([one.storage_class for one in rule.noncurrent_transitions], "NoncurrentVersionTransition", rule)
    for one in rule.noncurrent_transitions:
        if one.days < 0:
            detail = "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative"
            raise _argument("NoncurrentDays", str(one.days), detail)
        _check_late("NoncurrentDays", one.days, ("NoncurrentVersionTransition", one.storage_class))
        _check_newer(rule, one.newer, "NoncurrentVersionTransition")
    days = {name: one.days for name, one in found.items()}
    _check_order(days, classes, ("NoncurrentDays", "NoncurrentVersionTransition"), rule)
    end = rule.noncurrent_expiration
    if end is not None and days and max(days.values()) >= end.days:
        raise _argument(
            "NoncurrentDays",
            str(end.days),
            f"'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '{describe(rule.filter)}' must be "
            "greater than 'NoncurrentDays' in the NoncurrentVersionTransition action",
        )


def _check_late(unit: str, days: int | None, which: tuple[str, str]) -> None:
    action, storage_class = which
    if days is not None and days < _LATE_DAYS and storage_class in _LATE_CLASSES:
        detail = f"'{unit}' in {action} action must be greater than or equal to {_LATE_DAYS} for storageClass "
        raise _argument(unit, str(days), f"{detail}'{storage_class}'")


def _check_different(classes: list[str], action: str, rule: Rule) -> None:
    if len(set(classes)) < len(classes):
        raise Problem(
            errors.REQUEST_INVALID,
            f"'StorageClass' must be different for '{action}' actions in same 'Rule' with filter "
            f"'{describe(rule.filter)}'",
        )


def _check_order(moments: dict[str, int], classes: Sequence[str], what: tuple[str, str], rule: Rule) -> None:
    """A colder class comes later than a warmer one."""
    unit, action = what
    in_order = [name for name in classes if name in moments]
    for warmer, colder in pairwise(in_order):
        if moments[colder] <= moments[warmer]:
            raise _argument(
                unit,
                str(moments[colder]),
                f"'{unit}' in the '{action}' action for StorageClass '{colder}' for filter '{describe(rule.filter)}' "
                f"must be greater than that for StorageClass '{warmer}'",
            )


def describe(wanted: Filter) -> str:
    """A filter in Amazon's short form: ``(prefix=logs/ and tag=(a,b))``."""
    parts = [f"prefix={wanted.prefix[:_ECHO]}"] if wanted.prefix is not None else []
    parts += [f"tag=({name},{value})" for name, value in wanted.tags]
    parts += [f"sizegreaterthan={wanted.larger_than}"] if wanted.larger_than is not None else []
    parts += [f"sizelessthan={wanted.smaller_than}"] if wanted.smaller_than is not None else []
    return f"({' and '.join(parts)})"


def _mixed(actions: str, rule: Rule) -> Problem:
    return Problem(
        errors.REQUEST_INVALID,
        f"Found mixed 'Date' and 'Days' based {actions} actions in lifecycle rule for filter '{describe(rule.filter)}'",
    )


def _not_positive(name: str, action: str, value: int) -> Problem:
    return _argument(name, str(value), f"'{name}' for {action} action must be a positive integer")


def _argument(name: str, value: str, detail: str) -> Problem:
    return Problem(errors.ARGUMENT_INVALID, detail, ArgumentName=name, ArgumentValue=value[:_ECHO])
