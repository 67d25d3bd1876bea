"""Doing what rules say, inside the transaction that judges once more: the object may have changed since it was seen."""

from collections.abc import Iterable

import msgspec

from zotplus.domain import errors
from zotplus.domain.errors import Problem
from zotplus.domain.storage.lifecycle.decisions import Decision, Step, Terms, abortion, decide
from zotplus.domain.storage.lifecycle.rules import RuleSet
from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout
from zotplus.records.buckets import BucketRecord
from zotplus.records.uploads import UPLOAD
from zotplus.services.completion import MAX_PARTS
from zotplus.services.configuration.locks import check_unlocked
from zotplus.services.emptying import remove_upload
from zotplus.services.events.announcing import Change, announce
from zotplus.services.lifecycle.lifecycles import read_rules
from zotplus.services.lifecycle.walking import Seen, facts_now
from zotplus.services.lookups import find_bucket
from zotplus.services.values import Actor
from zotplus.services.versioning.finding import Place, Version, find_place, find_version, shown_version
from zotplus.services.versioning.removing import promote
from zotplus.services.versioning.storing import drop, mark_deleted

JANITOR = Actor(principal="lifecycle")
"""Who owns the delete markers that rules make, and whom events and the audit log name."""
ABORT = "abort"
"""The step that ends an unfinished upload; the others are ``Step``."""


class Target(msgspec.Struct, frozen=True):
    """The bucket that a round looks at: its name, and the id that tells it from a later one of that name."""

    name: str
    id: bytes


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is there now and due: where it is, and what is to become of it."""

    place: Place
    found: Version
    decision: Decision


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a version or an upload: the step, by which rule; ``is_locked`` that object lock kept it."""

    bucket: str
    key: str
    step: str
    rule: str
    version: str = ""
    upload: str = ""
    storage_class: str = ""
    is_locked: bool = False


def rules_now(snapshot: Snapshot, target: Target) -> tuple[BucketRecord, RuleSet] | None:
    """The bucket's record and rules; None where it has gone or has none any more. Raises ``STORAGE_FAILED``."""
    try:
        bucket = find_bucket(snapshot, target.name)
    except Problem as problem:
        if problem.fault is errors.BUCKET_NOT_FOUND:
            return None
        raise
    rules = read_rules(snapshot, bucket) if bucket.id == target.id else None
    return None if rules is None else (bucket, rules)


def judge(snapshot: Snapshot, target: Target, seen: Seen, terms: Terms, now_ms: int) -> Judged | None:
    """The version that was ``seen``, if it is still there and something is due for it now."""
    current = rules_now(snapshot, target)
    if current is None:
        return None
    bucket, rules = current
    place = find_place(snapshot, target.name, seen.facts.key)
    found = find_version(snapshot, place, seen.version)
    if found is None:
        return None
    exact = msgspec.structs.replace(terms, keeps_versions=bool(bucket.versioning))
    decision = decide(rules, facts_now(snapshot, place, found), exact, now_ms)
    return None if decision is None else Judged(place=place, found=found, decision=decision)


def act_on(
    transaction: Transaction, target: Target, due: Iterable[Seen], terms: Terms, now_ms: int
) -> tuple[Done, ...]:
    """Remove or hide those of ``due`` for which that is due now; moves are not made here."""
    done: list[Done] = []
    for seen in due:
        judged = judge(transaction, target, seen, terms, now_ms)
        if judged is not None and judged.decision.step is not Step.MOVE:
            done.append(_act(transaction, judged, now_ms))
    return tuple(done)


def _act(transaction: Transaction, judged: Judged, now_ms: int) -> Done:
    place, found, decision = judged.place, judged.found, judged.decision
    is_locked = False
    try:  # both refuse what is locked before their first change
        if decision.step is Step.MARK:
            mark_deleted(transaction, place, JANITOR, now_ms, event="LifecycleExpiration:DeleteMarkerCreated")
        else:
            _remove(transaction, place, found, now_ms)
    except Problem as problem:
        if problem.fault is not errors.OBJECT_LOCKED:
            raise
        is_locked = True
    return Done(
        bucket=place.bucket_name,
        key=place.key,
        version=shown_version(place.bucket, found.record) or "",
        step=decision.step.value,
        rule=decision.rule,
        is_locked=is_locked,
    )


def _remove(transaction: Transaction, place: Place, found: Version, now_ms: int) -> None:
    """Take the version away for good. Raises ``OBJECT_LOCKED``: no rule passes over a lock."""
    check_unlocked(found.record, now_ms, bypass=False)
    drop(transaction, place, found, now_ms)
    if found.is_newest:
        promote(transaction, place)
    tell(transaction, place, found, ("LifecycleExpiration:Delete", now_ms))


def tell(transaction: Transaction, place: Place, found: Version, what: tuple[str, int]) -> None:
    """Announce what a rule did to a version: the event's name, and when."""
    change = Change(
        name=what[0],
        key=place.key,
        size=found.record.size,
        etag=found.record.etag,
        version=shown_version(place.bucket, found.record),
        by=JANITOR,
        time_ms=what[1],
    )
    announce(transaction, (place.bucket_name, place.bucket), change)


def abort(transaction: Transaction, target: Target, upload_key: bytes, terms: Terms, now_ms: int) -> Done | None:
    """End the unfinished upload at ``upload_key`` if that is due now; None where it is not, or not there."""
    current, data = rules_now(transaction, target), transaction.get(upload_key)
    if current is None or data is None:
        return None
    name, upload_id = layout.split_upload(upload_key)
    ending = abortion(current[1], name.decode(), UPLOAD.decode(data).initiated_ms, terms.day)
    if ending is None or ending.at_ms > now_ms:
        return None
    remove_upload(transaction, upload_key, now_ms, MAX_PARTS + 1)
    return Done(bucket=target.name, key=name.decode(), step=ABORT, rule=ending.rule, upload=upload_id)
