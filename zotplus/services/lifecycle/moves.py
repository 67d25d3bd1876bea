"""Transitions: what a rule moves to another storage class.

Spec: Amazon S3 User Guide, "Transitioning objects using Amazon S3 Lifecycle".
"""

from zotplus.domain.storage.lifecycle.decisions import Decision, Step, Terms
from zotplus.ports.blobs import Blobs, class_suffix
from zotplus.ports.keyvalue import KeyValue, Snapshot, Transaction
from zotplus.services.lifecycle.acting import Done, Target, judge, tell
from zotplus.services.lifecycle.walking import Seen
from zotplus.services.versioning.finding import Place, Version, shown_version
from zotplus.services.versioning.moving import Moving, move

EVENT = "LifecycleTransition"


async def move_one(store: KeyValue, blobs: Blobs, which: tuple[Target, Seen], terms: Terms, now_ms: int) -> Done | None:
    """Move a version of a bucket, if a rule says so now; None where none does.

    Every transaction on the way asks the rules again. Raises what ``move`` does.
    """
    target, seen = which
    first = await store.read(lambda snapshot: _decision(snapshot, target, seen, (terms, now_ms)))
    if first is None:
        return None
    _, found, decision = first

    def still(snapshot: Snapshot) -> tuple[Place, Version] | None:
        again = _decision(snapshot, target, seen, (terms, now_ms))
        return None if again is None or again[2] != decision else again[:2]

    def finish(transaction: Transaction, place: Place, version: Version) -> None:
        tell(transaction, place, version, (EVENT, now_ms))

    suffix = class_suffix(blobs, decision.storage_class)
    moving = Moving(judge=still, storage_class=decision.storage_class, suffix=suffix, finish=finish)
    if not await move(store, blobs, moving):
        return None
    return Done(
        bucket=target.name,
        key=seen.facts.key,
        version=shown_version(first[0].bucket, found.record) or "",
        step=decision.step.value,
        rule=decision.rule,
        storage_class=decision.storage_class,
    )


def _decision(
    snapshot: Snapshot, target: Target, seen: Seen, at: tuple[Terms, int]
) -> tuple[Place, Version, Decision] | None:
    judged = judge(snapshot, target, seen, *at)
    if judged is None or judged.decision.step is not Step.MOVE:
        return None
    return judged.place, judged.found, judged.decision
