"""Writes a LifecycleConfiguration as it was sent: the form of each filter is kept, for tools that compare.

Spec: Amazon S3 API Reference, GetBucketLifecycleConfiguration.
"""

from zotplus.domain.storage.lifecycle.rules import (
    Filter,
    NoncurrentExpiration,
    NoncurrentTransition,
    Rule,
    RuleSet,
    Transition,
    When,
)
from zotplus.protocols.s3 import xml_out


def rules_document(rules: RuleSet) -> bytes:
    """The whole document."""
    return xml_out.document("LifecycleConfiguration", "".join(map(_rule, rules.rules)))


def _rule(rule: Rule) -> str:
    status = xml_out.element("Status", "Enabled" if rule.is_enabled else "Disabled")
    pieces = [xml_out.element("ID", rule.id), _filter(rule.filter), status, *map(_transition, rule.transitions)]
    if rule.expiration is not None:
        pieces.append(f"<Expiration>{_when(rule.expiration)}</Expiration>")
    elif rule.expires_markers is not None:
        flag = "true" if rule.expires_markers else "false"
        pieces.append(f"<Expiration><ExpiredObjectDeleteMarker>{flag}</ExpiredObjectDeleteMarker></Expiration>")
    pieces += map(_noncurrent_transition, rule.noncurrent_transitions)
    if rule.noncurrent_expiration is not None:
        content = _noncurrent(rule.noncurrent_expiration)
        pieces.append(f"<NoncurrentVersionExpiration>{content}</NoncurrentVersionExpiration>")
    if rule.abort_days is not None:
        days = xml_out.element("DaysAfterInitiation", rule.abort_days)
        pieces.append(f"<AbortIncompleteMultipartUpload>{days}</AbortIncompleteMultipartUpload>")
    return f"<Rule>{''.join(pieces)}</Rule>"


def _transition(one: Transition) -> str:
    return f"<Transition>{_when(one.when)}{xml_out.element('StorageClass', one.storage_class)}</Transition>"


def _noncurrent_transition(one: NoncurrentTransition) -> str:
    content = _noncurrent(one) + xml_out.element("StorageClass", one.storage_class)
    return f"<NoncurrentVersionTransition>{content}</NoncurrentVersionTransition>"


def _filter(wanted: Filter) -> str:
    if wanted.is_plain:
        return xml_out.element("Prefix", wanted.prefix or "")
    prefix = "" if wanted.prefix is None else xml_out.element("Prefix", wanted.prefix)
    tags = "".join(
        [f"<Tag>{xml_out.element('Key', name)}{xml_out.element('Value', value)}</Tag>" for name, value in wanted.tags]
    )
    low, high = wanted.larger_than, wanted.smaller_than
    sizes = "" if low is None else xml_out.element("ObjectSizeGreaterThan", low)
    sizes += "" if high is None else xml_out.element("ObjectSizeLessThan", high)
    content = f"{prefix}{tags}{sizes}"
    return f"<Filter><And>{content}</And></Filter>" if wanted.is_and else f"<Filter>{content}</Filter>"


def _when(when: When) -> str:
    if when.days is not None:
        return xml_out.element("Days", when.days)
    return xml_out.element("Date", xml_out.timestamp(when.date or 0))


def _noncurrent(one: NoncurrentTransition | NoncurrentExpiration) -> str:
    newer = xml_out.element("NewerNoncurrentVersions", one.newer) if one.newer else ""
    return f"{xml_out.element('NoncurrentDays', one.days)}{newer}"
